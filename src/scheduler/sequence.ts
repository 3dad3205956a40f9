/**
 * Chooses the next token of a sequence. `logits` has one float per vocabulary entry, is the engine's own memory and must
 * be left as it was. The same arguments always give the same token: draws are keyed by (seed, choice, length).
 */
export type Sampler = (logits: Float32Array, history: TokenHistory) => number;

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
  length: number;
  /** Tokens whose KV is in the slot: 0 .. length. */
  computed: number;
  /** The length at which the sequence ends, at most what a slot holds. */
  readonly limit: number;
  /** Where its KV lives; undefined while it waits. */
  slot: number | undefined;
  /** Tokens that its reader will still take; at 0 it pauses. */
  credit: number;
  readonly sample: Sampler;
  readonly endsGeneration: (token: number) => boolean;
}

export interface NewSequence extends Pick<Sequence, "id" | "limit" | "credit" | "sample" | "endsGeneration"> {
  readonly prompt: Int32Array;
}

/** Needs `0 < prompt.length < limit`: there is something to compute and room for one token more. */
export function newSequence({ prompt, ...rest }: NewSequence): Sequence {
  if (prompt.length === 0 || prompt.length >= rest.limit) {
    throw new RangeError(`sequence ${rest.id}: a prompt of ${prompt.length} tokens with limit ${rest.limit}`);
  }
  const tokens = new Int32Array(rest.limit);
  tokens.set(prompt);
  return { ...rest, tokens, length: prompt.length, promptLength: prompt.length, computed: 0, slot: undefined };
}

/** Tokens that must be computed before the next one can be sampled. */
export function pending(sequence: Sequence): number {
  return sequence.length - sequence.computed;
}
