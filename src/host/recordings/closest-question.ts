import { isDeepStrictEqual } from "node:util";
import type { Question } from "./question.ts";

interface Recorded {
  readonly file: string;
  readonly question: Question;
}

interface Closest {
  readonly file: string;
  /** Names of the fields that are not the same, at least one. */
  readonly differs: readonly string[];
}

/** The recorded question that differs in the fewest fields from one that was not recorded; undefined = there is none. */
export function closestOf({ asked }: Question, recorded: readonly Recorded[]): Closest | undefined {
  const fieldsWanted = fieldsOf(asked);
  let closest: Closest | undefined;
  for (const { file, question } of recorded) {
    const fields = fieldsOf(question.asked);
    const names = [...new Set([...fieldsWanted.keys(), ...fields.keys()])];
    const differs = names.filter((name) => !isDeepStrictEqual(fieldsWanted.get(name), fields.get(name)));
    if (differs.length < (closest?.differs.length ?? Infinity)) closest = { file, differs };
  }
  return closest;
}

/** By their names; those of `sampling` one by one. */
function fieldsOf(asked: Question["asked"]): ReadonlyMap<string, unknown> {
  const { sampling, ...others } = asked;
  return new Map(Object.entries({ ...others, ...(typeof sampling === "object" && sampling) }));
}

const longestExcerpt = 80;

const wanted = { generate: "the answer to", embed: "the embedding of", ask: "the text or tokens of" } as const;

/** What was asked, in a few words: `the answer to "Why is the sky blue?" by 'smollm2'`. */
export function excerptOf({ kind, asked }: Question): string {
  return `${wanted[kind]} ${textIn(asked)} by '${String(asked["model"])}'`;
}

/** The last text of it: that of a conversation is its last message's. */
function textIn(asked: Question["asked"]): string {
  const texts = [asked["prompt"], asked["inputs"], asked["messages"], asked["text"]].flatMap(textsIn);
  const text = texts.at(-1);
  if (text === undefined) return "a prompt in tokens";
  return JSON.stringify(text.length > longestExcerpt ? `${text.slice(0, longestExcerpt - 3)}...` : text);
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== "object" || value === null) return [];
  const { messages, content, text } = value as Readonly<Record<string, unknown>>;
  return [messages, content, text].flatMap(textsIn);
}
