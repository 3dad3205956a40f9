import type { TokenLogprobs, TokenProbability } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import type { Sampler } from "../scheduler/sequence.ts";
import { Candidates } from "./candidates.ts";
import { BLOCK, blockMasses, maxLogit } from "./logit-passes.ts";

/** What stands for -Infinity and for what is no number, neither of which JSON has; OpenAI writes it too. */
const least = -9999;

/** Rows are looked at one at a time, so they share the scratch memory. */
const likeliest = new Candidates();
let sums = new Float64Array(0);

/** What is said of one place in an answer; where that is, the detokenizer knows. */
export type PlaceLogprobs = TokenProbability & Pick<TokenLogprobs, "top">;

interface Wanted {
  /** How many of the likeliest tokens. */
  readonly top: number;
  readonly vocabulary: Vocabulary;
}

/**
 * A token's place by the logits as the engine gave them: logprob = logit - log Σ e^logit, exact to 1e-5. Of equally
 * likely tokens the lowest id comes first.
 */
export function placeLogprobs(logits: Float32Array, token: number, { top, vocabulary }: Wanted): PlaceLogprobs {
  const max = maxLogit(logits);
  const blocks = Math.ceil(logits.length / BLOCK);
  if (sums.length < blocks) sums = new Float64Array(blocks);
  const normalizer = max + Math.log(blockMasses({ logits, max, temperature: 1 }, sums));
  const probability = (token: number): TokenProbability => {
    const logprob = logits[token]! - normalizer;
    return { token, ...tokenName(token, vocabulary), logprob: logprob > least ? logprob : least };
  };
  return { ...probability(token), top: likeliestTokens(logits, top).map(probability) };
}

function likeliestTokens(logits: Float32Array, count: number): number[] {
  if (count === 0 || !likeliest.select(logits, { topK: count, topP: 1, minP: 0, temperature: 1 })) return [];
  return Array.from(likeliest.ids).toSorted((a, b) => logits[b]! - logits[a]! || a - b);
}

/** Its text, as bytes. */
export function tokenName(token: number, vocabulary: Vocabulary): Pick<TokenProbability, "bytes" | "isControl"> {
  const text = vocabulary.piece(token);
  const isControl = text.length === 0;
  return { bytes: Array.from(isControl ? vocabulary.piece(token, true) : text), isControl };
}

/** A sampler that notes the place of the token that it chose last. */
export class NotingSampler {
  last: PlaceLogprobs | undefined;
  readonly sample: Sampler;

  constructor(sample: Sampler, wanted: Wanted) {
    this.sample = (logits, history) => {
      const token = sample(logits, history);
      this.last = placeLogprobs(logits, token, wanted);
      return token;
    };
  }
}
