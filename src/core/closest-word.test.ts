import fc from "fast-check";
import { expect, test } from "vitest";
import { closestWord } from "./closest-word.ts";

test.each([
  ["prot", "port"],
  ["PORT", "port"],
  ["contxt", "context"],
  ["apikeys", "api_keys"],
  ["zebra", undefined],
  ["", undefined],
])("%s -> %s", (word, meant) => {
  expect(closestWord(word, ["port", "host", "context", "api_keys"])).toBe(meant);
});

test("a word is always closest to itself", () => {
  const words = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), {
    minLength: 1,
    selector: (word) => word.toLowerCase(),
  });
  fc.assert(
    fc.property(words, fc.nat(), (candidates, n) => {
      const word = candidates[n % candidates.length]!;
      expect(closestWord(word, candidates)).toBe(word);
    }),
  );
});
