import { expect, test } from "vitest";
import fc from "fast-check";
import { keyedUniform } from "./keyed-random.ts";
import { createSampler } from "./sampler.ts";
import { exactDistribution, filteredDistribution, someSampling, totalVariation } from "./testing.ts";

const someHistory = (tokens: number[] = [], promptLength = tokens.length) => ({
  tokens: Int32Array.from(tokens),
  length: tokens.length,
  promptLength,
});

/** Sixteenths: equal logits happen, and sums of their weights do not fall on top-p by a hair. */
const someLogits = (spread: number) =>
  fc
    .array(fc.integer({ min: -16 * spread, max: 16 * spread }), { minLength: 1, maxLength: 70 })
    .map((list) => Float32Array.from(list, (sixteenths) => sixteenths / 16));
const anyLogits = fc.oneof(someLogits(1), someLogits(8), someLogits(60));
const anyFilters = fc.record({
  temperature: fc.constantFrom(0.05, 0.3, 0.8, 1, 1.7, 100),
  topK: fc.constantFrom(0, 1, 2, 5, 40, 1000),
  topP: fc.constantFrom(0, 0.1001, 0.5003, 0.9007, 0.9501, 0.99907, 1),
  minP: fc.constantFrom(0, 0.0103, 0.1007, 0.5003, 1),
});

test("the filters keep what their definition keeps, at its probabilities", () => {
  fc.assert(
    fc.property(anyLogits, anyFilters, (logits, filters) => {
      const sampling = someSampling(filters);
      expect(totalVariation(filteredDistribution(logits, sampling), exactDistribution(logits, sampling))).toBeLessThan(
        1e-3,
      );
    }),
    { numRuns: 2000 },
  );
});

const noise = (id: number, choice: number) => keyedUniform(99, choice, id);

/** A row as large as real ones: `peaks` tokens stand out of noise. */
function largeRow(size: number, { peaks, height }: { peaks: number; height: number }): Float32Array {
  const row = Float32Array.from({ length: size }, (_, id) => 4 * (noise(id, 0) + noise(id, 1) + noise(id, 2)) - 6);
  for (let peak = 0; peak < peaks; peak += 1) row[Math.floor(noise(peak, 3) * size)] = height + 3 * noise(peak, 4);
  return row;
}

test.each([
  ["peaked", { peaks: 20, height: 14 }],
  ["a few likely tokens over much noise", { peaks: 300, height: 6 }],
  ["nearly flat", { peaks: 0, height: 0 }],
])("a large row: %s", (_name, shape) => {
  const logits = largeRow(30_000, shape);
  for (const over of [
    { topP: 0.95, temperature: 0.8 },
    { topP: 0.999, temperature: 1.5 },
    { topP: 0.3 },
    { topK: 40 },
    { topK: 5000, topP: 0.9, minP: 0.01 },
    { minP: 0.05, temperature: 2 },
  ]) {
    const sampling = someSampling(over);
    expect(totalVariation(filteredDistribution(logits, sampling), exactDistribution(logits, sampling))).toBeLessThan(
      1e-3,
    );
  }
});

/** The first of the ids, ascending, with which the cumulative probability exceeds `uniform`. */
function naiveDraw(probabilities: Map<number, number>, uniform: number): number {
  let sum = 0;
  return [...probabilities.keys()].toSorted((a, b) => a - b).find((id) => (sum += probabilities.get(id)!) > uniform)!;
}

test("without filters a draw inverts the cumulative distribution of all tokens", () => {
  const seeds = fc.nat({ max: 0xffffffff });
  fc.assert(
    fc.property(anyLogits, fc.constantFrom(0.1, 0.8, 1, 3), seeds, (logits, temperature, seed) => {
      const sampling = someSampling({ temperature, seed });
      const token = createSampler(sampling, 2)(logits, someHistory([0, 0, 0]));
      const uniform = keyedUniform(seed, 2, 3);
      const exact = exactDistribution(logits, sampling);
      // Weights are exact to 1e-5, so the answer lies between those of two neighbouring numbers.
      expect(token).toBeGreaterThanOrEqual(naiveDraw(exact, Math.max(0, uniform - 2e-5)));
      expect(token).toBeLessThanOrEqual(naiveDraw(exact, Math.min(1 - 1e-9, uniform + 2e-5)));
    }),
    { numRuns: 1000 },
  );
});

test.each([{}, { topP: 0.9 }, { topK: 6 }])("tokens are drawn as often as their probability says: %j", (over) => {
  const logits = largeRow(1000, { peaks: 8, height: 8 });
  const sampling = someSampling({ temperature: 0.9, ...over });
  const sample = createSampler(sampling, 0);
  const drawn = new Map<number, number>();
  const draws = 20_000;
  const history = { tokens: new Int32Array(draws), length: 0, promptLength: 0 };
  for (history.length = 0; history.length < draws; history.length += 1) {
    const token = sample(logits, history);
    drawn.set(token, (drawn.get(token) ?? 0) + 1 / draws);
  }
  const exact = exactDistribution(logits, sampling);
  // The expected distance of a sample from its distribution is at most half of sqrt(tokens / draws).
  const likely = [...exact.values()].filter((p) => p > 1e-3).length;
  expect(totalVariation(drawn, exact)).toBeLessThan(0.02 + Math.sqrt(likely / draws));
});

test("the draw depends on seed, choice and position, and on nothing else", () => {
  const logits = largeRow(1000, { peaks: 0, height: 0 });
  const draw = (seed: number, choice: number, length: number) =>
    createSampler(someSampling({ seed }), choice)(logits, { tokens: new Int32Array(9), length, promptLength: 0 });
  expect(draw(1, 0, 5)).toBe(draw(1, 0, 5));
  expect(new Set([draw(1, 0, 5), draw(2, 0, 5), draw(1, 1, 5), draw(1, 0, 6)]).size).toBe(4);
});

test("greedy takes the likeliest token, of equals the lowest id", () => {
  const greedy = createSampler(someSampling({ temperature: 0, topP: 0.5 }), 0);
  fc.assert(
    fc.property(anyLogits, (logits) => {
      expect(greedy(logits, someHistory())).toBe(logits.indexOf(Math.max(...logits)));
    }),
  );
});

const greedyOrNot = [{ temperature: 0 }, {}, { topP: 0.5 }, { topK: 3 }, { minP: 0.1 }];

test.each(greedyOrNot)("one token that is masked, or not a number, is never drawn: %j", (over) => {
  const sample = createSampler(someSampling(over), 0);
  for (let length = 0; length < 50; length += 1) {
    const history = { tokens: new Int32Array(50), length, promptLength: 0 };
    expect([1, 3]).toContain(sample(Float32Array.of(-Infinity, 1, -Infinity, 0.5), history));
    expect([1, 3]).toContain(sample(Float32Array.of(NaN, 1, NaN, 0.5), history));
  }
});

test.each(greedyOrNot)("rows without a finite largest logit have a fixed answer: %j", (over) => {
  const sample = createSampler(someSampling({ repeatPenalty: 1.1, ...over }), 0);
  expect(sample(new Float32Array(9).fill(NaN), someHistory([1]))).toBe(0);
  expect(sample(new Float32Array(9).fill(-Infinity), someHistory([1]))).toBe(0);
  expect(sample(Float32Array.of(0, 5, Infinity, Infinity), someHistory([1]))).toBe(2);
});

test("penalties: repeat over prompt and answer, frequency and presence over the answer", () => {
  const logits = Float32Array.of(2, -2, 2, 2, 3);
  const before = logits.slice();
  const history = someHistory([0, 1, 2, 2, 3], 2); // prompt: 0, 1; answer: 2, 2, 3
  const penalized = Float32Array.of(2 / 1.5, -2 * 1.5, 2 / 1.5 - 2 * 0.25 - 0.5, 2 / 1.5 - 0.25 - 0.5, 3);
  const penalties = { repeatPenalty: 1.5, frequencyPenalty: 0.25, presencePenalty: 0.5 };
  for (let seed = 0; seed < 200; seed += 1) {
    const token = createSampler(someSampling({ seed, ...penalties }), 0)(logits, history);
    expect(token).toBe(createSampler(someSampling({ seed }), 0)(penalized, history));
    expect(logits).toEqual(before);
  }
});

test("biases are added before the penalties, and leave the logits as they were", () => {
  const logits = Float32Array.of(2, -2, 0.1, 2, 3);
  const before = logits.slice();
  const biased = Float32Array.of(2, 1, 0.1, -98, 3);
  const logitBias = [
    { token: 1, bias: 3 },
    { token: 3, bias: -100 },
  ];
  const history = someHistory([0, 1, 3]);
  for (let seed = 0; seed < 200; seed += 1) {
    const over = { seed, repeatPenalty: 1.5 };
    const token = createSampler(someSampling({ ...over, logitBias }), 0)(logits, history);
    expect(token).toBe(createSampler(someSampling(over), 0)(biased, history));
    expect(token).not.toBe(3);
    expect(logits).toEqual(before);
  }
});

test.each([{ temperature: 0 }, { temperature: 2 }, { topK: 5 }])("a bias of 100 is as good as an order: %j", (over) => {
  const logits = largeRow(1000, { peaks: 20, height: 14 });
  const sample = createSampler(someSampling({ ...over, logitBias: [{ token: 7, bias: 100 }] }), 0);
  for (let length = 0; length < 50; length += 1)
    expect(sample(logits, { tokens: new Int32Array(50), length, promptLength: 0 })).toBe(7);
});

test("penalties leave the logits and the next request as they were", () => {
  const tokens = fc.array(fc.nat({ max: 69 }), { maxLength: 100 });
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true }), { minLength: 70, maxLength: 70 }), tokens, (list, seen) => {
      const logits = Float32Array.from(list);
      const history = someHistory(seen, Math.floor(seen.length / 2));
      const sample = createSampler(someSampling({ repeatPenalty: 1.3, presencePenalty: 0.2 }), 0);
      const first = sample(logits, history);
      expect(logits).toEqual(Float32Array.from(list));
      expect(sample(logits, history)).toBe(first);
    }),
  );
});
