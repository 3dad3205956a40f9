import fc from "fast-check";
import { expect, test } from "vitest";
import { normalized, shortened, vectorFromBase64, vectorToBase64 } from "./embedding.ts";

const floats = fc.float32Array({ noNaN: true, noDefaultInfinity: true, min: -100, max: 100 });

test("a vector survives its way between processes", () => {
  fc.assert(
    fc.property(floats, (vector) => {
      expect(vectorFromBase64(vectorToBase64(vector))).toEqual(vector);
    }),
  );
  const part = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  expect(vectorFromBase64(vectorToBase64(part))).toEqual(Float32Array.of(2, 3));
});

test("a shortened vector has its direction in fewer dimensions, and length 1", () => {
  expect([...shortened(Float32Array.of(3, 4, 12), 2)]).toEqual([0.6, 0.8].map(Math.fround));
  const whole = Float32Array.of(0.6, 0.8);
  expect(shortened(whole, 2)).toBe(whole);
  expect(shortened(whole, undefined)).toBe(whole);
  expect(normalized(Float32Array.of(0, 0))).toEqual(Float32Array.of(0, 0));
});
