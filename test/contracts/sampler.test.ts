import { beforeAll, expect, test } from "vitest";
import { defaultPlan } from "../../src/core/execution-plan.ts";
import type { Sampling } from "../../src/core/generation.ts";
import { openLlamaEngine } from "../../src/engine/llama/llama-engine.ts";
import { silenceNativeLog } from "../../src/engine/llama/native-log.ts";
import { withPenalties } from "../../src/inference/penalties.ts";
import { exactDistribution, filteredDistribution, someSampling, totalVariation } from "../../src/inference/testing.ts";
import { placeLogprobs, type PlaceLogprobs } from "../../src/inference/logprobs.ts";
import { testModel } from "../models.ts";
import { NativeChain } from "../native-chain.ts";

let rows: Float32Array[];
let tokens: Int32Array;
let places: PlaceLogprobs[];
beforeAll(async () => {
  silenceNativeLog();
  const plan = { ...defaultPlan(await testModel("smollm2"), 1), slots: 1, contextPerSlot: 128 };
  using engine = openLlamaEngine(plan, () => {});
  const text = "The first rule of a good measurement is that somebody else can repeat it. 1, 2, 3, 4,";
  tokens = engine.vocabulary.tokenize(text, { parseSpecial: false, addSpecial: true });
  const output = engine.step([{ slot: 0, tokens, from: 0, count: tokens.length, outputs: "all" }]);
  rows = Array.from(tokens, (_, at) => output.logits(0, at).slice());
  const { vocabulary } = engine;
  places = rows.map((row, at) => placeLogprobs(row, tokens[(at + 1) % tokens.length]!, { top: 20, vocabulary }));
}, 300_000);

function ours(logits: Float32Array, sampling: Sampling): Map<number, number> {
  const history = { tokens, length: tokens.length, promptLength: 0 };
  return withPenalties(logits, { history, penalties: sampling }, () => filteredDistribution(logits, sampling));
}

// The native chain adds 49,152 floats in single precision, so that its top-p ends a few tokens early or late: by itself
// it is up to 0.004 from the exact distribution, ours 0.0004.
const nativeTolerance = 0.01;

test.each<Partial<Sampling>>([
  { temperature: 0.8, topP: 0.95 },
  { topP: 0.5 },
  { temperature: 1.5, topP: 0.99 },
  { topK: 40, topP: 0.9, temperature: 0.7 },
  { minP: 0.05 },
  { topK: 100, topP: 0.95, minP: 0.02, temperature: 1.2 },
])("the distribution of real logits is exact, and the native chain's: %j", (over) => {
  const sampling = someSampling(over);
  using chain = new NativeChain(rows[0]!.length, sampling);
  for (const row of rows) {
    const filtered = ours(row, sampling);
    expect(totalVariation(filtered, exactDistribution(row, sampling))).toBeLessThan(1e-3);
    expect(totalVariation(filtered, chain.distribution(row))).toBeLessThan(nativeTolerance);
  }
});

test.each<Partial<Sampling>>([
  { topK: 5, repeatPenalty: 1.3 },
  { topP: 0.9, frequencyPenalty: 0.4, presencePenalty: 0.7 },
])("penalties are the native chain's: %j", (over) => {
  const sampling = someSampling(over);
  using chain = new NativeChain(rows[0]!.length, sampling, [...tokens]);
  for (const row of rows) {
    expect(totalVariation(ours(row, sampling), chain.distribution(row))).toBeLessThan(nativeTolerance);
  }
});

test("logprobs are a direct softmax of real logits", () => {
  for (const [at, place] of places.entries()) {
    const exact = exactDistribution(rows[at]!, someSampling());
    expect(place.top).toHaveLength(20);
    for (const { token, logprob } of [place, ...place.top])
      expect(Math.abs(logprob - Math.log(exact.get(token)!))).toBeLessThan(1e-3);
    const likeliest = [...exact.values()].toSorted((a, b) => b - a).slice(0, 20);
    expect(place.top.map(({ token }) => exact.get(token))).toEqual(likeliest);
  }
});
