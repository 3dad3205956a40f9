import type OpenAI from "openai";
import { expect, expectTypeOf, test } from "vitest";
import { parseEmbedding, type embeddingFields } from "./embedding-request.ts";
import { someFixed } from "./testing.ts";

const parse = (body: object) => parseEmbedding(body, someFixed());
const text = (text: string) => ({ kind: "text", text });
const tokens = (...ids: number[]) => ({ kind: "tokens", ids });

test.each([
  ["a river", [text("a river")], false],
  [["a", "b"], [text("a"), text("b")], true],
  [["a"], [text("a")], true],
  [[1, 2], [tokens(1, 2)], false],
  [[[1, 2], [3]], [tokens(1, 2), tokens(3)], true],
  [Array(2048).fill("a"), Array(2048).fill(text("a")), true],
])("input %j", (input, inputs, listed) => {
  expect(parse({ input }).request).toMatchObject({ inputs, listed });
});

test.each([
  [undefined, "missing_field", "input"],
  [null, "invalid_value", "input"],
  ["", "invalid_value", "input"],
  [7, "invalid_value", "input"],
  [{}, "invalid_value", "input"],
  [[], "invalid_value", "input"],
  [[[]], "invalid_value", "input"],
  [["a", ""], "invalid_value", "input"],
  [["a", [1]], "invalid_value", "input"],
  [[1, "a"], "invalid_value", "input"],
  [[1, -1], "invalid_value", "input"],
  [[[1], [1.5]], "invalid_value", "input[1][0]"],
  [Array(2049).fill("a"), "invalid_value", "input"],
  [Array.from({ length: 2049 }, () => [-1]), "invalid_value", "input"], // nobody has looked at them
  [[...Array(2048).fill(1), -1], "invalid_value", "input"],
])("input %j is refused", (input, code, param) => {
  expect(() => parse({ input })).toThrow(expect.objectContaining({ code, param }));
});

test("the rest has defaults, and what does not fit is refused by name", () => {
  const { request, encoding } = parse({ input: "a", user: "me", dimensions: null });
  expect(request).toMatchObject({ model: "small", lane: "interactive", timeoutMs: undefined, dimensions: undefined });
  expect(encoding).toBe("float");
  expect(parse({ input: "a", model: "m", dimensions: 7, encoding_format: "base64", timeout: 2 })).toMatchObject({
    request: { model: "m", dimensions: 7, timeoutMs: 2000 },
    encoding: "base64",
  });
  for (const wrong of [{ dimensions: 0 }, { dimensions: "7" }, { encoding_format: "int8" }, { inputs: "a" }])
    expect(() => parse({ input: "a", ...wrong })).toThrow(expect.objectContaining({ param: Object.keys(wrong)[0] }));
});

test("every field of the official client's types is known", () => {
  expectTypeOf<Exclude<keyof OpenAI.EmbeddingCreateParams, keyof typeof embeddingFields>>().toEqualTypeOf<never>();
});
