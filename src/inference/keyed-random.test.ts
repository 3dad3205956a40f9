import { expect, test } from "vitest";
import fc from "fast-check";
import { keyedUniform } from "./keyed-random.ts";

/** Philox-2x32's two words as the 53 bits that we keep of them. */
const kept = (first: number, second: number): number => ((first >>> 5) * 2 ** 26 + (second >>> 6)) * 2 ** -53;

test("gives the published known answers of Philox-2x32-10", () => {
  // Random123, tests/kat_vectors: counter words, key, answer.
  expect(keyedUniform(0, 0, 0)).toBe(kept(0xff1dae59, 0x6cd10df2));
  expect(keyedUniform(0xffffffff, 0xffffffff, 0xffffffff)).toBe(kept(0x2c3f628b, 0xab4fd7ad));
  expect(keyedUniform(0x13198a2e, 0x85a308d3, 0x243f6a88)).toBe(kept(0xdd7ce038, 0xf62a4c12));
});

test("is in [0, 1) and depends on its key alone", () => {
  const word = fc.nat({ max: 0xffffffff });
  fc.assert(
    fc.property(word, word, word, (seed, choice, position) => {
      const value = keyedUniform(seed, choice, position);
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
      expect(keyedUniform(seed, choice, position)).toBe(value);
    }),
  );
});

const draws = 1 << 16;
const along: Record<string, (at: number) => number> = {
  seeds: (at) => keyedUniform(at, 0, 100),
  choices: (at) => keyedUniform(7, at, 100),
  positions: (at) => keyedUniform(7, 0, at),
};

test.each(Object.keys(along))("is uniform along %s", (name) => {
  const cells = new Float64Array(256);
  for (let at = 0; at < draws; at += 1) cells[Math.floor(along[name]!(at) * 256)]! += 1;
  const expected = draws / 256;
  const chiSquare = cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // 255 degrees of freedom: mean 255, standard deviation 22.6; five of them either way.
  expect(chiSquare).toBeGreaterThan(142);
  expect(chiSquare).toBeLessThan(368);
});

test.each(Object.keys(along))("neighbours along %s are not correlated", (name) => {
  let sum = 0;
  for (let at = 0; at < draws; at += 1) sum += (along[name]!(at) - 0.5) * (along[name]!(at + 1) - 0.5) * 12;
  // Correlation of independent draws has standard deviation 1 / sqrt(draws).
  expect(Math.abs(sum / draws)).toBeLessThan(5 / Math.sqrt(draws));
});

test("its low bits are as good as its high bits", () => {
  let ones = 0;
  for (let at = 0; at < draws; at += 1) ones += (keyedUniform(1, 0, at) * 2 ** 32) % 1 >= 0.5 ? 1 : 0;
  expect(Math.abs(ones - draws / 2)).toBeLessThan(5 * Math.sqrt(draws / 4));
});
