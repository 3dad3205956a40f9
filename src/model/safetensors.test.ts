import fc from "fast-check";
import { expect, test } from "vitest";
import { halvesToFloats, readSafetensors } from "./safetensors.ts";
import { safetensorsOf } from "./testing.ts";

test("tensors have their shapes and bytes, and what stands beside them is not one", () => {
  const file = safetensorsOf({ a: [2, 3], b: [4] });
  const tensors = readSafetensors(file);
  expect([...tensors].map(([name, { type, shape, data }]) => [name, type, shape, data.length])).toEqual([
    ["a", "F16", [2, 3], 12],
    ["b", "F16", [4], 8],
  ]);
});

test("what is no safetensors file, or not whole, is named and read no further", () => {
  const file = safetensorsOf({ a: [2, 3] });
  expect(() => readSafetensors(Buffer.alloc(4))).toThrow("not a safetensors file");
  expect(() => readSafetensors(Buffer.alloc(40, 0xff))).toThrow("not a safetensors file");
  expect(() => readSafetensors(file.subarray(0, file.length - 1))).toThrow("the weights 'a' are not whole");
  const broken = Buffer.from(file);
  broken[8] = 0x20;
  expect(() => readSafetensors(broken)).toThrow("a header that cannot be read");
});

test("a format that is not read is named, and no number is two tensors' own", () => {
  const changed = (from: string, to: string) =>
    Buffer.from(
      safetensorsOf({ a: [2, 3], b: [3, 2] })
        .toString("latin1")
        .replace(from, to),
      "latin1",
    );
  expect(() => readSafetensors(changed('"F16"', '"U16"'))).toThrow("the weights 'a' are U16, which is not read here");
  expect(() => readSafetensors(changed("[12,24]", "[ 6,18]"))).toThrow("lie one upon the other");
});

test("halves become the floats that they are", () => {
  const bits = [0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x7c00, 0xfc00, 0x3555];
  const halves = Buffer.from(Uint16Array.from(bits).buffer);
  const floats = halvesToFloats(halves);
  const values = bits.map((_, i) => floats.readFloatLE(i * 4));
  expect(values).toEqual([0, -0, 1, -2, 65504, 2 ** -14, 2 ** -24, Infinity, -Infinity, 0.333251953125]);
  expect(halvesToFloats(Buffer.of(0x01, 0x7e)).readFloatLE()).toBeNaN();
});

test("more bits of a half are a larger float", () => {
  const positive = fc.integer({ min: 0, max: 0x7bfe });
  fc.assert(
    fc.property(positive, (bits) => {
      const floats = halvesToFloats(Buffer.from(Uint16Array.of(bits, bits + 1).buffer));
      expect(floats.readFloatLE(4)).toBeGreaterThan(floats.readFloatLE(0));
    }),
  );
});
