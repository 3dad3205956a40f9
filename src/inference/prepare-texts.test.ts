import { expect, test } from "vitest";
import type { EmbeddingRequest } from "../core/embedding.ts";
import type { TextPrompt } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import { prepareTexts } from "./prepare-texts.ts";

/** As WordPiece has it: whatever word it does not know is one token. */
const vocabulary = {
  size: 100,
  maxPieceBytes: 7,
  tokenize: (text: string) =>
    Int32Array.from(
      text.split(/\s+/).filter((word) => word !== ""),
      () => 1,
    ),
} as unknown as Vocabulary;

function tokensOf(inputs: readonly TextPrompt[], listed = true): number[] {
  const request = { inputs, listed, dimensions: undefined } as unknown as EmbeddingRequest;
  return prepareTexts(request, vocabulary, { contextLength: 3, dimensions: 4 }).map(({ length }) => length);
}
const text = (text: string): TextPrompt => ({ kind: "text", text });
const tokens = (...ids: number[]): TextPrompt => ({ kind: "tokens", ids });

test("what counts is the number of tokens, however long a text is", () => {
  expect(tokensOf([text("x".repeat(10_000)), text("a  b c"), tokens(7, 8)])).toEqual([1, 3, 2]);
});

test.each([
  [[text("a"), text("a b c d")], true, "input[1]"],
  [[text("a b c d")], true, "input[0]"],
  [[text("a b c d")], false, "input"],
  [[text(" ")], true, "input[0]"],
  [[tokens(5, 100)], true, "input[0][1]"],
  [[tokens(5, 100)], false, "input[1]"],
])("of %j, listed: %j, %j is refused", (inputs, listed, param) => {
  expect(() => tokensOf(inputs, listed)).toThrow(expect.objectContaining({ param }));
});
