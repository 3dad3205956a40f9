import fc from "fast-check";
import { expect, test } from "vitest";
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
