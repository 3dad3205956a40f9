import type { GenerationRequest, Sampling } from "../core/generation.ts";
import { Candidates } from "./candidates.ts";

/** Nothing filtered, nothing penalized. */
export const someSampling = (over: Partial<Sampling> = {}): Sampling => ({
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repeatPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  logitBias: [],
  seed: 1,
  ...over,
});

/** Nothing special. */
export const someRequest = (over: Partial<GenerationRequest> = {}): GenerationRequest => ({
  id: "r",
  model: "fake",
  tenant: { name: "test", weight: 1 },
  lane: "interactive",
  timeoutMs: undefined,
  prompt: { kind: "text", text: "once upon a time" },
  choice: 0,
  maxTokens: 20,
  logprobs: undefined,
  sampling: someSampling(),
  stop: [],
  ignoreEos: false,
  ...over,
});

/** The definition, as slowly and plainly as can be: probability by token id. */
export function exactDistribution(logits: Float32Array, sampling: Sampling): Map<number, number> {
  let kept = Array.from(logits, (logit, id) => ({ logit, id })).filter(({ logit }) => logit > -Infinity);
  kept.sort((a, b) => b.logit - a.logit || a.id - b.id);
  const max = kept[0]!.logit;
  if (sampling.topK > 0) kept = kept.slice(0, sampling.topK);
  if (sampling.topP < 1) {
    const all = kept.reduce((sum, { logit }) => sum + Math.exp(logit - max), 0);
    let sum = 0;
    const end = kept.findIndex(({ logit }) => (sum += Math.exp(logit - max) / all) >= sampling.topP);
    if (end !== -1) kept = kept.slice(0, end + 1);
  }
  if (sampling.minP > 0) kept = kept.filter(({ logit }) => logit >= max + Math.log(sampling.minP));
  const weights = kept.map(({ logit }) => Math.exp((logit - max) / sampling.temperature));
  const mass = weights.reduce((a, b) => a + b);
  return new Map(kept.map(({ id }, i) => [id, weights[i]! / mass]));
}

const candidates = new Candidates();

/** What a sampler with these filters draws from. */
export function filteredDistribution(logits: Float32Array, sampling: Sampling): Map<number, number> {
  candidates.select(logits, sampling);
  const mass = candidates.weights.reduce((a, b) => a + b);
  return new Map(Array.from(candidates.ids, (id, i) => [id, candidates.weights[i]! / mass]));
}

/** Half the sum of all differences: the most by which the probability of anything differs. */
export function totalVariation(a: Map<number, number>, b: Map<number, number>): number {
  const ids = new Set([...a.keys(), ...b.keys()]);
  return [...ids].reduce((sum, id) => sum + Math.abs((a.get(id) ?? 0) - (b.get(id) ?? 0)) / 2, 0);
}
