import type OpenAI from "openai";
import { expect, expectTypeOf, test } from "vitest";
import { parseCompletion, type completionFields } from "./completion-request.ts";
import { someFixed } from "./testing.ts";

const fixed = someFixed();
const parse = (body: object) => parseCompletion(body, fixed).request;

const text = (text: string) => ({ kind: "text", text });
const tokens = (...ids: number[]) => ({ kind: "tokens", ids });

test.each([
  ["Once", text("Once")],
  [["Once"], text("Once")],
  ["", text("")],
  [[1, 2], tokens(1, 2)],
  [[[1, 2]], tokens(1, 2)],
  [["a", "b"], text("a"), text("b")],
  [[[1], [2, 3]], tokens(1), tokens(2, 3)],
  [Array(128).fill("a"), ...Array(128).fill(text("a"))],
])("prompt %j", (prompt, ...expected) => {
  const { request, prompts } = parseCompletion({ prompt }, fixed);
  expect([request.prompt, prompts]).toEqual([expected[0], expected]);
});

test.each([
  [undefined, "missing_field", "prompt"],
  [null, "invalid_value", "prompt"],
  [7, "invalid_value", "prompt"],
  [[], "invalid_value", "prompt"],
  [[[]], "invalid_value", "prompt"],
  [Array(129).fill("a"), "invalid_value", "prompt"],
  [["a", [1]], "invalid_value", "prompt"],
  [[1, "a"], "invalid_value", "prompt"],
  [[-1], "invalid_value", "prompt"],
  [[[1, 1.5]], "invalid_value", "prompt[0][1]"],
  // Of too many none is looked at:
  [Array.from({ length: 129 }, () => [1.5]), "invalid_value", "prompt"],
  [Array.from({ length: 129 }, () => []), "invalid_value", "prompt"],
])("prompt %j is refused", (prompt, code, param) => {
  expect(() => parse({ prompt })).toThrow(expect.objectContaining({ code, param }));
});

test.each([
  [{ suffix: "b", prompt: [1] }, "suffix"],
  [{ suffix: "b", echo: true, logprobs: 0 }, "suffix"],
  [{ best_of: 2 }, "best_of"],
  [{ best_of: 3, n: 2 }, "best_of"],
])("%j is refused by name", (over, param) => {
  expect(() => parse({ prompt: "a", ...over })).toThrow(expect.objectContaining({ code: "unsupported_field", param }));
});

test("a suffix is a part of each prompt", () => {
  const prompts = (over: object) => parseCompletion({ suffix: "z", ...over }, fixed).prompts;
  expect(prompts({ prompt: ["a", "b"] })).toEqual(["a", "b"].map((text) => ({ kind: "text", text, suffix: "z" })));
  expect(prompts({ prompt: [1], suffix: "" })).toEqual([{ kind: "tokens", ids: [1] }]);
});

test("an answer has 16 tokens unless asked otherwise, as OpenAI's", () => {
  expect(parse({ prompt: "a" }).maxTokens).toBe(16);
  expect(parse({ prompt: "a", max_tokens: 500, echo: false, suffix: null, best_of: 1 }).maxTokens).toBe(500);
});

test("'best_of' asks for nothing if it is 'n'", () => {
  const answers = (over: object) => parseCompletion({ prompt: "a", ...over }, fixed).choices;
  expect([{ best_of: 1 }, { best_of: 3, n: 3 }, { best_of: 1, n: 3 }].map(answers)).toEqual([1, 3, 3]);
});

test("prompts and answers to each are at most 128 answers", () => {
  const ask = (prompts: number, n: number) => parseCompletion({ prompt: Array(prompts).fill("a"), n }, fixed);
  expect([ask(64, 2), ask(1, 128)].map(({ choices }) => choices)).toEqual([2, 128]);
  const message = "'prompt' is an array of 65, with 2 answers to each; accepted: up to 128 answers in all";
  expect(() => ask(65, 2)).toThrow(expect.objectContaining({ code: "invalid_value", param: "prompt", message }));
});

test("any prompt can be echoed, and is scored beside logprobs", () => {
  const read = (over: object) => {
    const { echo, request } = parseCompletion({ prompt: "a", ...over }, fixed);
    return [echo, request.scorePrompt ?? false];
  };
  expect(read({})).toEqual([false, false]);
  for (const prompt of ["a", ["a", "b"], [1], [[1], [2]]]) {
    expect(read({ prompt, echo: true })).toEqual([true, false]);
    expect(read({ prompt, echo: true, logprobs: 0 })).toEqual([false, true]);
    expect(read({ prompt, echo: false, logprobs: 0 })).toEqual([false, false]);
  }
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
