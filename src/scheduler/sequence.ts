import type { Lane, Tenant } from "../core/generation.ts";

/**
 * Chooses the next token of a sequence. `logits` has one float per vocabulary entry, is the engine's own memory and must
 * be left as it was. The same arguments always give the same token: draws are keyed by (seed, choice, length).
 */
export type Sampler = (logits: Float32Array, history: TokenHistory) => number;

/** Gets the logits from which the token at `position` of the prompt could have been drawn; as a sampler gets them. */
export type PromptScorer = (logits: Float32Array, position: number) => void;

/** `tokens[0 .. length)` is the sequence so far, the first `promptLength` of them the prompt. */
export interface TokenHistory {
  readonly tokens: Int32Array;
  readonly length: number;
  readonly promptLength: number;
}

/**
 * A request on its way through the engine. Everything the scheduler does is to let `computed` chase `length`: a prefill
 * is many pending tokens, a decode is one, and when none is pending the sampler appends the next.
 */
export interface Sequence extends TokenHistory {
  readonly id: string;
  readonly tenant: Tenant;
  readonly lane: Lane;
  /** On the loop's clock, in ms. */
  readonly arrived: number;
  /** When it must have ended, on the same clock; Infinity = never. */
  readonly deadline: number;
  length: number;
  /** Tokens whose KV is in the slot: 0 .. length. 0 while it has no slot. */
  computed: number;
  /** The length at which the sequence ends, at most what a slot holds. */
  readonly limit: number;
  /** Where its KV lives; undefined while it waits. */
  slot: number | undefined;
  /** Tokens that its reader will still take; at 0 it pauses. Forced tokens may take it below. */
  credit: number;
  /** Positions in the prompt at which a message ends, ascending: where a memory that cannot be cut is worth a snapshot. */
  boundaries: readonly number[];
  /** So many tokens of the prompt may be taken from other tenants, and given to them. */
  readonly sharedLength: number;
  /** Tokens of the prompt that the prefix cache gave when it first got a slot; undefined until then. */
  cached: number | undefined;
  /** Length at which it last got a slot: it has generated `length - turnStart` tokens in this turn. */
  turnStart: number;
  /** How often it has given up its slot to others. */
  turns: number;
  /** Tokens that it had computed when it gave up its slot, if it did not get all of them back; then it keeps the next one until it has generated something. */
  lost: number;
  /** Tokens of the prompt from this one on are not reused, for the logits behind them are wanted; Infinity = none are. */
  unscored: number;
  readonly score: PromptScorer;
  readonly sample: Sampler;
  /** Asked after each sampled token: tokens that must follow, and so need not be sampled. */
  readonly forced: () => Int32Array;
  readonly endsGeneration: (token: number) => boolean;
}

export interface NewSequence extends Omit<
  Sequence,
  | "tokens"
  | "length"
  | "promptLength"
  | "computed"
  | "slot"
  | "cached"
  | "turnStart"
  | "turns"
  | "lost"
  | "unscored"
  | "score"
> {
  readonly prompt: Int32Array;
  /** Missing = its prompt is not scored. */
  readonly score?: PromptScorer | undefined;
}

/** Needs `0 < prompt.length < limit`: there is something to compute and room for one token more. */
export function newSequence(given: NewSequence): Sequence {
  const { id, prompt, limit } = given;
  const { length } = prompt;
  if (length === 0 || length >= limit) {
    throw new RangeError(`sequence ${id}: a prompt of ${length} tokens with limit ${limit}`);
  }
  const tokens = new Int32Array(limit);
  tokens.set(prompt);
  // One literal gives all sequences one shape in memory: policies compare them a thousand times per step.
  return {
    id,
    tenant: given.tenant,
    lane: given.lane,
    arrived: given.arrived,
    deadline: given.deadline,
    tokens,
    length,
    promptLength: length,
    computed: 0,
    limit,
    slot: undefined,
    credit: given.credit,
    boundaries: given.boundaries,
    sharedLength: given.sharedLength,
    cached: undefined,
    turnStart: length,
    turns: 0,
    lost: 0,
    unscored: given.score === undefined || length === 1 ? Infinity : 0,
    score: given.score ?? nothingScored,
    sample: given.sample,
    forced: given.forced,
    endsGeneration: given.endsGeneration,
  };
}

/** Tokens that must be computed before the next one can be sampled. */
export function pending(sequence: Sequence): number {
  return sequence.length - sequence.computed;
}

/** Logits behind tokens of its prompt are wanted and were not seen yet: whatever it computes next is a part of that. */
export function scores({ unscored }: Sequence): boolean {
  return unscored < Infinity;
}

const nothingScored = (): void => {};

/** What forces nothing. */
export const nothingForced = (): Int32Array => noTokens;
const noTokens = new Int32Array(0);
