import type OpenAI from "openai";
import { expect, expectTypeOf, test } from "vitest";
import { parseCompletion, type completionFields } from "./completion-request.ts";
import { someFixed } from "./testing.ts";

const fixed = someFixed();
const parse = (body: object) => parseCompletion(body, fixed).request;

test.each([
  ["Once", { kind: "text", text: "Once" }],
  [["Once"], { kind: "text", text: "Once" }],
  ["", { kind: "text", text: "" }],
  [[1, 2], { kind: "tokens", ids: [1, 2] }],
  [[[1, 2]], { kind: "tokens", ids: [1, 2] }],
])("prompt %j", (prompt, expected) => {
  expect(parse({ prompt }).prompt).toEqual(expected);
});

test.each([
  [undefined, "missing_field", "prompt"],
  [null, "invalid_value", "prompt"],
  [7, "invalid_value", "prompt"],
  [[], "invalid_value", "prompt"],
  [[[]], "invalid_value", "prompt"],
  [["a", "b"], "unsupported_field", "prompt"],
  [[[1], [2]], "unsupported_field", "prompt"],
  [[1, "a"], "invalid_value", "prompt"],
  [[-1], "invalid_value", "prompt"],
  [[[1, 1.5]], "invalid_value", "prompt[0][1]"],
])("prompt %j is refused", (prompt, code, param) => {
  expect(() => parse({ prompt })).toThrow(expect.objectContaining({ code, param }));
});

test.each([
  [{ echo: true }, "echo"],
  [{ suffix: "b" }, "suffix"],
  [{ best_of: 2 }, "best_of"],
])("%j is refused by name", (over, param) => {
  expect(() => parse({ prompt: "a", ...over })).toThrow(expect.objectContaining({ code: "unsupported_field", param }));
});

test("an answer has 16 tokens unless asked otherwise, as OpenAI's", () => {
  expect(parse({ prompt: "a" }).maxTokens).toBe(16);
  expect(parse({ prompt: "a", max_tokens: 500, echo: false, suffix: null, best_of: 1 }).maxTokens).toBe(500);
});

test("logprobs are a number of tokens", () => {
  expect([0, 5, null].map((logprobs) => parse({ prompt: "a", logprobs }).logprobs)).toEqual([0, 5, undefined]);
  for (const logprobs of [6, -1, true, 1.5])
    expect(() => parse({ prompt: "a", logprobs })).toThrow(
      expect.objectContaining({ code: "invalid_value", param: "logprobs" }),
    );
});

test("every field of the official client's types is known", () => {
  expectTypeOf<Exclude<keyof OpenAI.CompletionCreateParams, keyof typeof completionFields>>().toEqualTypeOf<never>();
});
