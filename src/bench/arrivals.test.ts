import { expect, test } from "vitest";
import fc from "fast-check";
import { arrivalTimes, type ArrivalProcess } from "./arrivals.ts";

function gapsOf(process: ArrivalProcess, count: number): number[] {
  const times = arrivalTimes(process);
  let last = times.next().value;
  return Array.from({ length: count }, () => {
    const at = times.next().value;
    const gap = at - last;
    last = at;
    return gap;
  });
}

test.each([
  [1, "Poisson"],
  [0.25, "bursts"],
  [0.9, "nearly Poisson"],
  [4, "regular"],
])("burstiness %d (%s): mean 1/rate, coefficient of variation 1/sqrt(burstiness)", (burstiness) => {
  const count = 40_000;
  const gaps = gapsOf({ rate: 20, burstiness, seed: 5 }, count);
  const mean = gaps.reduce((sum, gap) => sum + gap) / count;
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / count);
  // Five standard errors of the mean; the deviation's own error is larger where the tail is long.
  const variation = 1 / Math.sqrt(burstiness);
  expect(Math.abs(mean / 50 - 1)).toBeLessThan((5 * variation) / Math.sqrt(count));
  expect(deviation / mean / variation).toBeCloseTo(1, 1);
});

test("Poisson: the number of arrivals in a second has its mean as variance", () => {
  const counts = new Float64Array(2000);
  for (const at of arrivalTimes({ rate: 10, burstiness: 1, seed: 9 })) {
    if (at >= 1000 * counts.length) break;
    counts[Math.floor(at / 1000)]! += 1;
  }
  const mean = counts.reduce((sum, count) => sum + count) / counts.length;
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length;
  expect(mean).toBeCloseTo(10, 0);
  expect(variance / mean).toBeGreaterThan(0.8);
  expect(variance / mean).toBeLessThan(1.2);
});

test("begins at once, never goes back, and is the same for a seed", () => {
  const process = fc.record({
    rate: fc.double({ min: 0.01, max: 1e4, noNaN: true }),
    burstiness: fc.double({ min: 0.01, max: 100, noNaN: true }),
    seed: fc.nat({ max: 0xffffffff }),
  });
  fc.assert(
    fc.property(process, (process) => {
      expect(arrivalTimes(process).next().value).toBe(0);
      const gaps = gapsOf(process, 50);
      expect(gaps.every((gap) => gap >= 0 && Number.isFinite(gap))).toBe(true);
      expect(gapsOf(process, 50)).toEqual(gaps);
    }),
  );
  expect(gapsOf({ rate: 1, burstiness: 1, seed: 1 }, 5)).not.toEqual(gapsOf({ rate: 1, burstiness: 1, seed: 2 }, 5));
});
