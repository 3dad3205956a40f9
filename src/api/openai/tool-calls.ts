import type { ChoiceEvent, ToolCallDelta } from "../../core/generation.ts";
import { CallSplitter } from "./call-splitter.ts";

/** Which calls are read out of an answer. */
export interface CallReading {
  /** Of the functions that can be called: anything else is text. */
  readonly names: ReadonlySet<string>;
  /** Those behind the first so many are left out. */
  readonly most: number;
  /** Only those between marks: an answer that is JSON can be something else. */
  readonly marksOnly: boolean;
}

/**
 * Takes calls out of the texts of one request's answers: of an event it makes one in which `calls` is what was called, and
 * `text` what was said beside it. They are read as models write them, whatever the model (see `CallSplitter`).
 */
export function toolCallReader(reading: CallReading): (said: ChoiceEvent) => readonly ChoiceEvent[] {
  const splitters = new Map<number, CallSplitter>();
  return (said) => {
    const { index, event } = said;
    let splitter = splitters.get(index);
    if (splitter === undefined) splitters.set(index, (splitter = new CallSplitter(reading)));
    if (event.type === "text-delta") {
      const { calls, ...split } = splitter.split(event);
      return [{ ...said, ...split, ...wanted(calls, reading) }];
    }
    if (event.type !== "finished") return [said];
    const { calls, ...rest } = splitter.end();
    return [
      { ...said, ...rest, ...wanted(calls, reading) },
      { ...said, ...(splitter.isWhole && { called: true }) },
    ];
  };
}

function wanted(calls: readonly ToolCallDelta[], { most }: CallReading): { readonly calls?: readonly ToolCallDelta[] } {
  const kept = calls.filter(({ index }) => index < most);
  return kept.length === 0 ? {} : { calls: kept };
}
