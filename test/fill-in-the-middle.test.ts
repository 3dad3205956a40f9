import { expect, test } from "vitest";
import { openVocabulary } from "../src/engine/open.ts";
import type { Vocabulary } from "../src/engine/vocabulary.ts";
import { infillPrompt } from "../src/inference/fill-in-the-middle.ts";

const fake = openVocabulary({ kind: "fake", options: "" });

/** The fake vocabulary with other names of its control tokens. */
function named(...names: readonly string[]): Vocabulary {
  const piece = (token: number, special?: boolean): Uint8Array =>
    special === true && token < names.length ? Buffer.from(names[token]!) : fake.piece(token, special);
  return new Proxy(fake, {
    get: (target, name) => {
      if (name === "piece") return piece;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

const bytes = (text: string) => [...fake.tokenize(text, { parseSpecial: false, addSpecial: false })];

test("the beginning, the end, and the place between them", () => {
  const vocabulary = named("<|bos|>", "<|fim_middle|>", "<|fim_prefix|>", "<|fim_suffix|>");
  const prompt = infillPrompt({ text: "ab", suffix: "<|fim_middle|>" }, vocabulary, "m");
  expect([...prompt]).toEqual([0, 2, ...bytes("ab"), 3, ...bytes("<|fim_middle|>"), 1]);
});

test("a model without such tokens refuses the suffix by name", () => {
  expect(() => infillPrompt({ text: "a", suffix: "b" }, fake, "m")).toThrow(
    "'suffix' is not supported: model 'm' has no tokens for filling in the middle of a text",
  );
});
