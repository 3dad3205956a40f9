import type { Sampling } from "../core/generation.ts";
import type { Sampler } from "../scheduler/sequence.ts";
import { Candidates } from "./candidates.ts";
import { drawFromAll } from "./draw-from-all.ts";
import { keyedUniform } from "./keyed-random.ts";
import { withBias } from "./logit-bias.ts";
import { maxLogit } from "./logit-passes.ts";
import { hasPenalties, withPenalties } from "./penalties.ts";

/** A lower temperature is greedy: it makes a difference of 0.001 between two logits a factor of e^100. */
const GREEDY_BELOW = 1e-5;

/** Samplers run one at a time and keep nothing between tokens, so they share the scratch memory. */
const candidates = new Candidates();

/**
 * The chain of llama.cpp's default order: biases, penalties, top-k, top-p, min-p, temperature, draw. `choice` is the number of
 * this answer among those that one request asked for. Greedy takes the likeliest token, of equals the lowest id.
 *
 * A NaN or -Infinity logit is never chosen while there is another. If there is no finite largest logit, or NaN spoils
 * the sum of all, the greedy token is taken; that is 0 when no logit is a number.
 */
export function createSampler(sampling: Sampling, choice: number): Sampler {
  const { temperature, topK, topP, minP, logitBias, seed } = sampling;
  const unfiltered = topK <= 0 && topP >= 1 && minP <= 0;

  function choose(logits: Float32Array, position: number): number {
    if (temperature < GREEDY_BELOW) return likeliest(logits);
    const uniform = keyedUniform(seed, choice, position);
    if (unfiltered) return drawFromAll(logits, temperature, uniform) ?? likeliest(logits);
    return candidates.select(logits, sampling) ? candidates.draw(uniform) : likeliest(logits);
  }

  const chooseFrom: Sampler = hasPenalties(sampling)
    ? (logits, history) => withPenalties(logits, { history, penalties: sampling }, () => choose(logits, history.length))
    : (logits, history) => choose(logits, history.length);
  if (logitBias.length === 0) return chooseFrom;
  return (logits, history) => withBias(logits, logitBias, () => chooseFrom(logits, history));
}

function likeliest(logits: Float32Array): number {
  return Math.max(logits.indexOf(maxLogit(logits)), 0);
}
