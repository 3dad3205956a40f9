/**
 * Chooses the next token of a sequence. `logits` has one float per vocabulary entry, is the engine's own memory and must
 * be left as it was; `tokens[0 .. length)` is the sequence so far, the first `promptLength` of them the prompt. The same
 * arguments always give the same token: draws are keyed by (seed, choice, length).
 */
export type Sampler = (logits: Float32Array, history: TokenHistory) => number;

export interface TokenHistory {
  readonly tokens: Int32Array;
  readonly length: number;
  readonly promptLength: number;
}
