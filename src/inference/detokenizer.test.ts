import fc from "fast-check";
import { expect, test } from "vitest";
import { Detokenizer } from "./detokenizer.ts";

test("an emoji split over tokens comes out whole, with its last byte", () => {
  const detokenizer = new Detokenizer();
  const bytes = Buffer.from("👋");
  expect([...bytes].map((byte) => detokenizer.push(Uint8Array.of(byte)))).toEqual(["", "", "", "👋"]);
  expect(detokenizer.flush()).toBe("");
});

test("an unfinished character at the end becomes U+FFFD", () => {
  const detokenizer = new Detokenizer();
  expect(detokenizer.push(Buffer.from("hi 👋").subarray(0, 5))).toBe("hi ");
  expect(detokenizer.flush()).toBe("\uFFFD");
});

test("any bytes in any pieces give the text of all bytes at once", () => {
  const pieces = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 5 }),
      fc.string({ unit: "binary" }).map((s) => Buffer.from(s)),
    ),
  );
  fc.assert(
    fc.property(pieces, (list) => {
      const detokenizer = new Detokenizer();
      const text = list.map((bytes) => detokenizer.push(bytes)).join("") + detokenizer.flush();
      expect(text).toBe(new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(list)));
    }),
  );
});
