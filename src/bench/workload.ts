import type { ChatMessage } from "../core/generation.ts";
import { words } from "../engine/fake/words.ts";
import { keyedUniform } from "../inference/keyed-random.ts";

export type Content =
  | { readonly kind: "tokens"; readonly ids: readonly number[] }
  | { readonly kind: "text"; readonly text: string }
  /** They follow what was said before in the conversation. */
  | { readonly kind: "messages"; readonly messages: readonly ChatMessage[] };

export interface Turn {
  readonly content: Content;
  /** How many tokens its answer shall have; most, where the model may end it. */
  readonly maxTokens: number;
}

/** Requests of which each waits for the answer to the one before. Most have one turn. */
export interface Conversation {
  readonly turns: readonly Turn[];
}

/** Gives the conversation of any whole number, always the same one. */
export type Workload = (index: number) => Conversation;

export const workloadNames = ["unique", "shared-prefix", "long-prompt", "mixed", "chat"] as const;
export type WorkloadName = (typeof workloadNames)[number];

/** Lengths in tokens; in words, about as many, where the server takes no token ids and in chats. */
export interface WorkloadShape {
  /** Of a whole prompt; in a chat, of each message of the user. */
  readonly promptTokens: number;
  /** Of the prompt's beginning that it has in common with others; in a chat, of the system message. */
  readonly sharedTokens: number;
  /** How many such beginnings there are; conversations take them in rotation. */
  readonly prefixes: number;
  readonly outputTokens: number;
  /** Of a chat. */
  readonly turns: number;
}

export const workloadShapes: Readonly<Record<WorkloadName, WorkloadShape>> = {
  unique: { promptTokens: 97, sharedTokens: 0, prefixes: 1, outputTokens: 64, turns: 1 },
  "shared-prefix": { promptTokens: 415, sharedTokens: 350, prefixes: 1, outputTokens: 64, turns: 1 },
  "long-prompt": { promptTokens: 1126, sharedTokens: 0, prefixes: 1, outputTokens: 16, turns: 1 },
  mixed: { promptTokens: 300, sharedTokens: 64, prefixes: 1, outputTokens: 64, turns: 1 },
  chat: { promptTokens: 40, sharedTokens: 100, prefixes: 1, outputTokens: 64, turns: 4 },
};

/** Token ids that are ordinary tokens of the served model: `low` and up, below `high`. */
export interface TokenRange {
  readonly low: number;
  readonly high: number;
}

export interface WorkloadSource {
  readonly seed: number;
  /** Undefined: prompts are made of words. */
  readonly vocabulary: TokenRange | undefined;
}

/** No draw of a prompt's own tokens is at such a position. */
const prefixPositions = 2 ** 31;
const lengthPosition = 2 ** 32 - 1;

/** The conversations of a workload: a pure function of the seed and of each one's number. */
export function workloadOf(name: WorkloadName, shape: WorkloadShape, source: WorkloadSource): Workload {
  if (name === "chat") return (index) => chatOf(index, shape, source.seed);
  const lengths = name === "mixed" ? mixedLengths : () => shape;
  return (index) => {
    const { promptTokens, sharedTokens, outputTokens } = lengths(shape, index, source.seed);
    const shared = Math.min(sharedTokens, promptTokens - 1);
    const prefix = { seed: source.seed, key: rotation(index, shape.prefixes), from: prefixPositions };
    const own = { seed: source.seed, key: index, from: 0 };
    const content = contentOf(
      [
        { ...prefix, count: shared },
        { ...own, count: promptTokens - shared },
      ],
      source,
    );
    return { turns: [{ content, maxTokens: outputTokens }] };
  };
}

/** Between a quarter and twice of what was asked for, evenly on a log scale; every other one, by chance, shares. */
function mixedLengths(shape: WorkloadShape, index: number, seed: number): WorkloadShape {
  const draw = (purpose: number) => keyedUniform(seed, index, lengthPosition - purpose);
  const scaled = (length: number, purpose: number) => Math.max(1, Math.round((length / 4) * 8 ** draw(purpose)));
  return {
    ...shape,
    promptTokens: scaled(shape.promptTokens, 0),
    outputTokens: scaled(shape.outputTokens, 1),
    sharedTokens: draw(2) < 0.5 ? shape.sharedTokens : 0,
  };
}

function chatOf(index: number, shape: WorkloadShape, seed: number): Conversation {
  const say = (role: string, stretch: Omit<Stretch, "seed">) => ({ role, content: wordsOf({ ...stretch, seed }) });
  const turns = Array.from({ length: shape.turns }, (_, turn): Turn => {
    const system = { key: rotation(index, shape.prefixes), from: prefixPositions, count: shape.sharedTokens };
    const user = { key: index, from: turn * shape.promptTokens, count: shape.promptTokens };
    const messages = [...(turn === 0 && system.count > 0 ? [say("system", system)] : []), say("user", user)];
    return { content: { kind: "messages", messages }, maxTokens: shape.outputTokens };
  });
  return { turns };
}

/** Drawn tokens: those of `key` at the positions `from` and up. */
interface Stretch {
  readonly seed: number;
  readonly key: number;
  readonly from: number;
  readonly count: number;
}

function contentOf(stretches: readonly Stretch[], { vocabulary }: WorkloadSource): Content {
  return vocabulary === undefined
    ? { kind: "text", text: stretches.map(wordsOf).filter(Boolean).join(" ") }
    : { kind: "tokens", ids: stretches.flatMap((stretch) => idsOf(stretch, vocabulary)) };
}

/** The first is another for each key, so that nothing is shared by chance. */
function idsOf({ seed, key, from, count }: Stretch, { low, high }: TokenRange): number[] {
  const size = high - low;
  return Array.from({ length: count }, (_, i) => {
    const drawn = Math.floor(size * keyedUniform(seed, i === 0 ? 0 : key, from + i));
    return low + (i === 0 ? rotation(drawn + key, size) : drawn);
  });
}

function wordsOf({ seed, key, from, count }: Stretch): string {
  const drawn = (_: unknown, i: number) => words[Math.floor(words.length * keyedUniform(seed, key, from + i))]!;
  return Array.from({ length: count }, drawn).join(" ");
}

/** The remainder from 0, also of negative numbers. */
function rotation(index: number, size: number): number {
  return ((index % size) + size) % size;
}
