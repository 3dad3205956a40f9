import fc from "fast-check";
import { expect, test } from "vitest";
import { openFakeVocabulary } from "../src/engine/fake/fake-engine.ts";
import { createSampler } from "../src/inference/sampler.ts";
import { NotingSampler, placeLogprobs } from "../src/inference/logprobs.ts";
import { someSampling } from "../src/inference/testing.ts";

const vocabulary = openFakeVocabulary("");
const { size } = vocabulary;

/** The definition. */
function logSoftmax(logits: Float32Array): number[] {
  const max = Math.max(...logits);
  const mass = logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0);
  return Array.from(logits, (logit) => Math.max(logit - max - Math.log(mass), -9999));
}

const rows = fc
  .array(fc.oneof(fc.integer({ min: -300, max: 300 }), fc.constant(-Infinity)), { minLength: size, maxLength: size })
  .filter((list) => list.some((value) => value > -Infinity))
  .map((list) => Float32Array.from(list, (value) => value / 16));

test("logprobs are the log-softmax of the row, and the likeliest tokens the first by value and id", () => {
  fc.assert(
    fc.property(rows, fc.nat(size - 1), fc.integer({ min: 0, max: 20 }), (logits, token, top) => {
      const place = placeLogprobs(logits, token, { top, vocabulary });
      const exact = logSoftmax(logits);
      for (const { token, logprob } of [place, ...place.top]) expect(logprob).toBeCloseTo(exact[token]!, 3);
      const finite = Array.from(logits.keys()).filter((token) => logits[token]! > -Infinity);
      const expected = finite.toSorted((a, b) => logits[b]! - logits[a]! || a - b).slice(0, top);
      expect(place.top.map(({ token }) => token)).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

test("a token has its bytes, a control token those of its name", () => {
  const logits = new Float32Array(size);
  const place = (token: number) => placeLogprobs(logits, token, { top: 0, vocabulary });
  expect(place(vocabulary.tokenize("👋", { parseSpecial: false, addSpecial: false })[0]!)).toMatchObject({
    bytes: [0xf0],
    isControl: false,
  });
  expect(place(vocabulary.eosToken!)).toMatchObject({ bytes: [...Buffer.from("<|eos|>")], isControl: true });
});

test.each([NaN, Infinity])("a row with %d has no probabilities, and numbers for JSON all the same", (spoiler) => {
  const logits = new Float32Array(size);
  logits[3] = spoiler;
  const { logprob, top } = placeLogprobs(logits, 5, { top: 3, vocabulary });
  for (const number of [logprob, ...top.map(({ logprob }) => logprob)]) expect(number).toBe(-9999);
});

test("what is noted is of the row as it came, whatever is done to it for the choice", () => {
  const logits = Float32Array.from({ length: size }, (_, token) => (token * 7) % 11);
  const logitBias = [{ token: 8, bias: 100 }];
  const sampling = someSampling({ temperature: 0, repeatPenalty: 2, logitBias });
  const noting = new NotingSampler(createSampler(sampling, 0), { top: 2, vocabulary });
  expect(noting.sample(logits, { tokens: Int32Array.of(3), length: 1, promptLength: 1 })).toBe(8);
  expect(noting.last).toEqual(placeLogprobs(logits, 8, { top: 2, vocabulary }));
  expect(noting.last!.top[0]!.token).toBe(3);
});
