import { expect, test } from "vitest";
import fc from "fast-check";
import { distributionOf, percentile } from "./percentiles.ts";

test("percentiles are those of numpy", () => {
  expect(distributionOf([4, 1, 3, 2])).toEqual({
    count: 4,
    mean: 2.5,
    std: Math.sqrt(1.25),
    p50: 2.5,
    p90: expect.closeTo(3.7, 12),
    p95: expect.closeTo(3.85, 12),
    p99: expect.closeTo(3.97, 12),
    max: 4,
  });
});

test("of one value it is that value, of none it is not known", () => {
  expect(distributionOf([7])).toEqual({ count: 1, mean: 7, std: 0, p50: 7, p90: 7, p95: 7, p99: 7, max: 7 });
  expect(distributionOf([])).toMatchObject({ count: 0, mean: NaN, p50: NaN, max: NaN });
});

test("grow with the percent, within the values, whatever their order", () => {
  const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 });
  fc.assert(
    fc.property(values, fc.array(fc.double({ noNaN: true, min: 0, max: 100 })), (values, percents) => {
      const sorted = values.toSorted((a, b) => a - b);
      const found = percents.toSorted((a, b) => a - b).map((percent) => percentile(sorted, percent));
      for (const [i, value] of found.entries()) {
        expect(value).toBeGreaterThanOrEqual(Math.max(sorted[0]!, found[i - 1] ?? -Infinity) - 1e-6);
        expect(value).toBeLessThanOrEqual(sorted.at(-1)! + 1e-6);
      }
      expect(distributionOf(values.toReversed()).p90).toBe(distributionOf(values).p90);
    }),
  );
});
