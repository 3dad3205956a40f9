import type { ChoiceEvent, GenerationEvent, TokenLogprobs } from "../../core/generation.ts";
import { endOf } from "./logprobs.ts";

const opening = "<think>";
const closing = "</think>";

type Delta = Extract<GenerationEvent, { type: "text-delta" }>;

/**
 * Takes what models think between `<think>` and `</think>` out of the texts of one request's answers: of an event it makes
 * one or several, in which `reasoning` is what was thought and `text` the answer.
 */
export function reasoningReader(): (said: ChoiceEvent) => readonly ChoiceEvent[] {
  const splitters = new Map<number, ReasoningSplitter>();
  return (said) => {
    const { index, event } = said;
    if (event.type === "admitted" && event.reasoning !== undefined)
      splitters.set(index, new ReasoningSplitter(event.reasoning === "open"));
    const splitter = splitters.get(index);
    if (splitter === undefined) return [said];
    if (event.type === "text-delta") return [{ ...said, ...splitter.split(event) }];
    return event.type === "finished" ? [{ ...said, ...splitter.end() }, said] : [said];
  };
}

interface Split {
  readonly reasoning: string;
  readonly event: Delta;
}

class ReasoningSplitter {
  #state: "begins" | "thinks" | "answers";
  /** What may be a part of a mark, or the space before the answer. */
  #held = "";
  /** Of the text so far, in UTF-16 units. */
  #length = 0;
  /** Where the answer begins in it. */
  #answer = Infinity;
  /** That may belong to the answer, before it begins. */
  #tokens: readonly TokenLogprobs[] = [];

  constructor(isOpen: boolean) {
    this.#state = isOpen ? "thinks" : "begins";
  }

  split(delta: Delta): Split {
    this.#held += delta.text;
    this.#length += delta.text.length;
    if (this.#state === "begins") this.#begin();
    const reasoning = this.#state === "thinks" ? this.#think() : "";
    return { reasoning, event: this.#answerOf(delta) };
  }

  /** What was held is no mark any more. */
  end(): Split {
    const reasoning = this.#state === "thinks" ? this.#held : "";
    if (this.#state === "begins") this.#startAnswer();
    if (this.#state === "thinks") this.#held = "";
    return { reasoning, event: this.#answerOf({ type: "text-delta", text: "", tokens: [] }) };
  }

  #begin(): void {
    const text = this.#held.trimStart();
    if (text.startsWith(opening)) {
      this.#state = "thinks";
      this.#held = text.slice(opening.length);
    } else if (!opening.startsWith(text)) this.#startAnswer();
  }

  #think(): string {
    const end = this.#held.indexOf(closing);
    const sure = end === -1 ? this.#held.length - startOfMark(this.#held) : end;
    const reasoning = this.#held.slice(0, sure);
    this.#held = this.#held.slice(end === -1 ? sure : end + closing.length);
    if (end !== -1) this.#state = "answers";
    return reasoning;
  }

  /** The answer has no space before it. Its tokens come with its text, whatever event that comes with. */
  #answerOf({ type, tokens, logprobs }: Delta): Delta {
    if (this.#state === "answers" && this.#answer === Infinity) {
      this.#held = this.#held.trimStart();
      if (this.#held !== "") this.#startAnswer();
    }
    const isBegun = this.#answer < Infinity;
    const from = isBegun ? this.#answer : this.#length - this.#held.length;
    const kept = [...this.#tokens, ...(logprobs ?? [])].filter((token) => token.begin >= from || endOf(token) > from);
    this.#tokens = isBegun ? [] : kept;
    const text = isBegun ? this.#held : "";
    if (isBegun) this.#held = "";
    const said = isBegun ? kept.map((token) => ({ ...token, begin: Math.max(token.begin - from, 0) })) : [];
    return { type, text, tokens, ...((logprobs !== undefined || said.length > 0) && { logprobs: said }) };
  }

  /** What is held is its beginning. */
  #startAnswer(): void {
    this.#state = "answers";
    this.#answer = this.#length - this.#held.length;
  }
}

/** Length of the end of a text that may be the beginning of the closing mark. */
function startOfMark(text: string): number {
  for (let length = Math.min(closing.length - 1, text.length); length > 0; length--)
    if (text.endsWith(closing.slice(0, length))) return length;
  return 0;
}
