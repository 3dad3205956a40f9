import fc from "fast-check";
import { expect, test } from "vitest";
import { openVocabulary } from "../src/engine/open.ts";
import { answerQuestion } from "../src/inference/answer-question.ts";

const vocabulary = openVocabulary({ kind: "fake", options: "" });

test("what is tokenized and detokenized is the same text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.boolean(), (text, parseSpecial) => {
      const reply = answerQuestion({ kind: "tokenize", text, addSpecial: false, parseSpecial }, vocabulary);
      if (!("tokens" in reply)) throw new Error("no tokens");
      expect(answerQuestion({ kind: "detokenize", tokens: reply.tokens }, vocabulary)).toEqual({ text });
    }),
  );
});

test("control words are tokens if asked for", () => {
  const text = "<|user|>";
  const ids = (parseSpecial: boolean, addSpecial: boolean) =>
    answerQuestion({ kind: "tokenize", text, addSpecial, parseSpecial }, vocabulary);
  expect(ids(true, false)).toEqual({ tokens: [4] });
  expect(ids(true, true)).toEqual({ tokens: [0, 4] });
  expect(ids(false, false)).toMatchObject({ tokens: { length: text.length } });
});

test("a conversation is rendered as the model reads it", () => {
  const messages = [{ role: "user", content: "hi" }];
  expect(answerQuestion({ kind: "render", model: "m", messages }, vocabulary)).toEqual({
    text: "<|bos|><|user|>\nhi<|end|>\n<|assistant|>\n",
  });
});

test("a token that the model has not is refused by its place", () => {
  expect(() => answerQuestion({ kind: "detokenize", tokens: [0, vocabulary.size] }, vocabulary)).toThrow(
    `'tokens[1]' is ${vocabulary.size}; accepted: token ids from 0 to ${vocabulary.size - 1}`,
  );
});
