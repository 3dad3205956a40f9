import { expect, test } from "vitest";
import fc from "fast-check";
import { show, summarize } from "./statistics.ts";

const sequence = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

test.each([
  // Ranks of the interval with at least 95 %: Hahn and Meeker, Statistical Intervals, table of distribution-free
  // intervals for the median; below six values the range.
  [1, 1, 1],
  [5, 1, 5],
  [6, 1, 6],
  [9, 2, 8],
  [10, 2, 9],
  [20, 6, 15],
  [50, 18, 33],
])("of %i values the interval of the median is from rank %i to rank %i", (n, low, high) => {
  expect(summarize(sequence(n))).toEqual({ median: (n + 1) / 2, low, high });
});

test("does not depend on the order of the values, and encloses the median", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1 }), (values) => {
      const { median, low, high } = summarize(values);
      expect(low).toBeLessThanOrEqual(median);
      expect(high).toBeGreaterThanOrEqual(median);
      expect(summarize(values.toReversed())).toEqual({ median, low, high });
    }),
  );
});

test("a negative zero is a zero", () => {
  expect(summarize([0, -0])).toEqual({ median: 0, low: 0, high: 0 });
});

test("the interval holds the true median about 95 times of 100", () => {
  let state = 1;
  const uniform = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647; // Park and Miller's generator
  const holds = Array.from({ length: 2000 }, () => {
    const { low, high } = summarize(Array.from({ length: 10 }, uniform));
    return low <= 0.5 && 0.5 <= high;
  });
  expect(holds.filter(Boolean).length / 2000).toBeGreaterThan(0.94);
});

test("shows median and interval", () => {
  expect(show({ median: 218.6, low: 214, high: 223.4 })).toBe("219 [214 .. 223]");
  expect(show({ median: 0.994, low: 0.97, high: 1.014 }, 2)).toBe("0.99 [0.97 .. 1.01]");
});
