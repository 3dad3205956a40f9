import fc from "fast-check";
import { expect, test } from "vitest";
import { costOf } from "./kv-reuse.ts";
import { fittedExponent } from "./power-law.ts";

const lengths = [32, 64, 128, 256];

test("finds the exponent of a power law, whatever its factor", () => {
  const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
  fc.assert(
    fc.property(number(-3, 3), number(0.01, 100), (k, c) => {
      expect(fittedExponent(lengths.map((x) => ({ x, y: c * x ** k })))).toBeCloseTo(k, 6);
    }),
  );
});

test("has none where there is nothing to fit", () => {
  const y = 1;
  expect(fittedExponent([])).toBeUndefined();
  expect(fittedExponent([{ x: 3, y }])).toBeUndefined();
  expect(
    fittedExponent([
      { x: 3, y },
      { x: 3, y },
    ]),
  ).toBeUndefined();
  expect(
    fittedExponent([
      { x: 3, y },
      { x: 4, y: 0 },
    ]),
  ).toBeUndefined();
});

test("the cumulative cost of sampled lengths is that of all lengths where the cost is linear", () => {
  const cost = (n: number) => ({ x: n, y: 3 + 2 * n });
  const all = costOf(
    Array.from({ length: 256 }, (_, i) => cost(i + 1)),
    lengths,
  );
  expect(all.cumulative.at(-1)!.y).toBeCloseTo(3 * 256 + 256 * 257);
  const sampled = costOf([1, ...lengths].map(cost), lengths);
  expect(sampled.cumulative.at(-1)!.y).toBeCloseTo(all.cumulative.at(-1)!.y);
});

test("constant costs add up to a line, growing ones to a parabola", () => {
  const constant = costOf(
    [1, ...lengths].map((x) => ({ x, y: 5 })),
    lengths,
  );
  expect(constant.exponents.perToken).toBeCloseTo(0);
  expect(constant.exponents.cumulative).toBeCloseTo(1);
  const every = Array.from({ length: 4096 }, (_, i) => ({ x: i + 1, y: i + 1 }));
  expect(costOf(every, [512, 1024, 2048, 4096]).exponents.cumulative).toBeCloseTo(2, 2);
});
