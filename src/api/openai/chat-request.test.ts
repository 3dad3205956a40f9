import fc from "fast-check";
import type OpenAI from "openai";
import { expect, expectTypeOf, test } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { parseChat, chatFields } from "./chat-request.ts";
import { parseCompletion } from "./completion-request.ts";
import { errorOf, someFixed } from "./testing.ts";

const fixed = someFixed();
const messages = [{ role: "user", content: "hi" }];
const parse = (over: object) => parseChat({ messages, ...over }, fixed);

test("what is left out, or null, has OpenAI's defaults", () => {
  const plain = parse({});
  expect(plain).toEqual({
    request: {
      id: "req-1",
      model: "small",
      tenant: { name: "ann", weight: 1 },
      lane: "interactive",
      timeoutMs: undefined,
      prompt: { kind: "chat", messages },
      choice: 0,
      maxTokens: undefined,
      logprobs: undefined,
      sampling: {
        temperature: 1,
        topK: 0,
        topP: 1,
        minP: 0,
        repeatPenalty: 1,
        frequencyPenalty: 0,
        presencePenalty: 0,
        logitBias: [],
        seed: 77,
      },
      stop: [],
      ignoreEos: false,
    },
    prompts: [{ kind: "chat", messages }],
    choices: 1,
    echo: false,
    stream: false,
    includeUsage: false,
    timings: false,
    serviceTier: undefined,
  });
  const names = ["model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p"];
  const more = [
    "stop",
    "seed",
    "top_k",
    "min_p",
    "repeat_penalty",
    "ignore_eos",
    "priority",
    "timeout",
    "n",
    "tools",
    "logprobs",
    "user",
  ];
  expect(parse(Object.fromEntries([...names, ...more].map((name) => [name, null])))).toEqual(plain);
});

test("every field arrives under our name", () => {
  const { request, choices, stream, includeUsage } = parse({
    model: "big",
    n: 128,
    stream: true,
    stream_options: { include_usage: true },
    max_completion_tokens: 5,
    temperature: 0,
    top_p: 0.5,
    top_k: 40,
    min_p: 0.05,
    repetition_penalty: 1.1,
    frequency_penalty: -2,
    presence_penalty: 2,
    logit_bias: { 1734: -100, 0: 1.5 },
    stop: "END",
    seed: -1,
    ignore_eos: true,
    priority: "background",
    timeout: 0.5,
  });
  expect([choices, stream, includeUsage]).toEqual([128, true, true]);
  expect(request).toMatchObject({ model: "big", maxTokens: 5, stop: ["END"], ignoreEos: true });
  expect(request).toMatchObject({ lane: "background", timeoutMs: 500 });
  expect(request.sampling).toEqual({
    temperature: 0,
    topK: 40,
    topP: 0.5,
    minP: 0.05,
    repeatPenalty: 1.1,
    frequencyPenalty: -2,
    presencePenalty: 2,
    logitBias: [
      { token: 0, bias: 1.5 },
      { token: 1734, bias: -100 },
    ],
    seed: 2 ** 32 - 1,
  });
});

test.each([
  [{ max_tokens: 7 }, { maxTokens: 7 }],
  [{ max_tokens: 7, max_completion_tokens: 7 }, { maxTokens: 7 }],
  [{ stop: [] }, { stop: [] }],
  [{ logprobs: true }, { logprobs: 0 }],
  [{ logprobs: true, top_logprobs: 20 }, { logprobs: 20 }],
  [{ stop: ["a", "b"] }, { stop: ["a", "b"] }],
  [{ top_k: -1 }, { sampling: { topK: 0 } }],
  [{ seed: 2 ** 32 + 5 }, { sampling: { seed: 5 } }],
  [{ seed: Number.MAX_SAFE_INTEGER }, { sampling: { seed: 2 ** 32 - 1 } }],
])("%j gives %j", (over, expected) => {
  expect(parse(over).request).toMatchObject(expected);
});

test("text parts are lines, a developer is the system, a name stays", () => {
  const { prompt } = parse({
    messages: [
      { role: "developer", content: "Be brief." },
      { role: "user", name: "Ann", content: [1, 2].map((n) => ({ type: "text", text: `line ${n}` })) },
      {
        role: "assistant",
        content: "",
        refusal: null,
        annotations: [],
        tool_calls: [],
        function_call: null,
        audio: null,
      },
    ],
  }).request;
  expect(prompt).toEqual({
    kind: "chat",
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", name: "Ann", content: "line 1\nline 2" },
      { role: "assistant", content: "" },
    ],
  });
});

test("an unknown field of a list's element is told as any other", () => {
  const refusal = (over: object) => errorOf(() => parse({ messages: [{ role: "user", content: "a", ...over }] }));
  expect(refusal({ mood: 1 }).message).toBe("'messages[0].mood' is not a field of this request");
  const content = [{ type: "text", text: "a", mood: 1 }];
  expect(refusal({ content }).message).toBe("'messages[0].content[0].mood' is not a field of this request");
});

test.each([
  [{ reasoning: "Hm." }, "Hm."],
  [{ reasoning: "Hm.", reasoning_content: "Hm?" }, "Hm?"],
  [{ reasoning: "Hm.", reasoning_content: null }, "Hm."],
])("thoughts of a message are known by both names: %j", (over, expected) => {
  const { prompt } = parse({ messages: [{ role: "assistant", content: "a", ...over }] }).request;
  expect(prompt).toMatchObject({ messages: [{ reasoning_content: expected }] });
});

test.each([
  { n: 1, tools: [], tool_choice: "auto", parallel_tool_calls: true, functions: [], function_call: "none" },
  { response_format: { type: "text" }, logprobs: false, top_logprobs: 0, logit_bias: {}, modalities: ["text"] },
  { service_tier: null, verbosity: "medium", user: "ann", metadata: { a: "b" }, store: true },
])("values that ask for nothing are accepted: %j", (over) => {
  expect(parse(over)).toEqual(parse({}));
});

test.each([
  ["functions", [{ name: "weather" }]],
  ["modalities", ["text", "audio"]],
  ["audio", {}],
  ["service_tier", "scale"],
  ["web_search_options", {}],
  ["prediction", { type: "content", content: "a" }],
])("%s: %j is refused by name", (name, value) => {
  const error = errorOf(() => parse({ [name]: value }));
  expect([error.code, error.param]).toEqual(["unsupported_field", name]);
});

const content = (value: unknown) => ({ messages: [{ role: "user", content: value }] });
test.each([
  [{ messages: [] }, "invalid_value", "messages", "an empty array"],
  [{ messages: undefined }, "missing_field", "messages", "is required"],
  [{ messages: [{ role: "user", content: "a" }, 3] }, "invalid_value", "messages[1]", "is 3"],
  [{ messages: [{ content: "a" }] }, "missing_field", "messages[0].role", '"user"'],
  [{ messages: [{ role: "robot", content: "a" }] }, "invalid_value", "messages[0].role", '"robot"'],
  [{ messages: [{ role: "function", content: "a" }] }, "unsupported_field", "messages[0].role", "'tools'"],
  [{ messages: [{ role: "user", contnt: "a" }] }, "unknown_field", "messages[0].contnt", "did you mean 'content'?"],
  [content(null), "invalid_value", "messages[0].content", "is null"],
  [content([]), "invalid_value", "messages[0].content", "an empty array"],
  [content([{ type: "text" }]), "missing_field", "messages[0].content[0].text", "required"],
  [content([{ type: "image_url", image_url: {} }]), "unsupported_field", "messages[0].content[0].type", "only text"],
  [{ temperature: 2.1 }, "invalid_value", "temperature", "is 2.1; accepted: a number from 0 to 2"],
  [{ temperature: -0.1 }, "invalid_value", "temperature", "-0.1"],
  [{ temperature: "1" }, "invalid_value", "temperature", '"1"'],
  [{ temperature: [1] }, "invalid_value", "temperature", "an array of 1"],
  [{ temperature: NaN }, "invalid_value", "temperature", "NaN"],
  [{ top_p: 1.01 }, "invalid_value", "top_p", "from 0 to 1"],
  [{ min_p: true }, "invalid_value", "min_p", "true"],
  [{ top_k: 1.5 }, "invalid_value", "top_k", "whole number"],
  [{ repeat_penalty: 0 }, "invalid_value", "repeat_penalty", "0.01"],
  [{ repeat_penalty: 1, repetition_penalty: 2 }, "invalid_value", "repetition_penalty", "'repeat_penalty'"],
  [{ max_tokens: 0 }, "invalid_value", "max_tokens", "from 1"],
  [{ max_tokens: Infinity }, "invalid_value", "max_tokens", "Infinity"],
  [{ max_tokens: 1, max_completion_tokens: 2 }, "invalid_value", "max_tokens", "'max_completion_tokens'"],
  [{ logit_bias: [] }, "invalid_value", "logit_bias", "an empty array; accepted: an object of"],
  [{ logit_bias: { 5: 100.5 } }, "invalid_value", "logit_bias.5", "is 100.5; accepted: a number from -100 to 100"],
  [{ logit_bias: { 5: "1" } }, "invalid_value", "logit_bias.5", 'is "1"'],
  [{ logit_bias: { 5: null } }, "invalid_value", "logit_bias.5", "is null"],
  [{ logit_bias: { the: 1 } }, "invalid_value", "logit_bias.the", "accepted: a token id as the name"],
  [{ logit_bias: { "05": 1 } }, "invalid_value", "logit_bias.05", "a token id"],
  [{ logit_bias: { "-1": 1 } }, "invalid_value", "logit_bias.-1", "a token id"],
  [JSON.parse('{"logit_bias":{"__proto__":1}}'), "invalid_value", "logit_bias.__proto__", "a token id"],
  [{ logit_bias: Object.fromEntries(Array(1025).fill(1).entries()) }, "invalid_value", "logit_bias", "up to 1024"],
  [{ top_logprobs: 3 }, "invalid_value", "top_logprobs", "is 3; accepted: 0, unless 'logprobs' is true"],
  [{ logprobs: true, top_logprobs: 21 }, "invalid_value", "top_logprobs", "from 0 to 20"],
  [{ logprobs: 1 }, "invalid_value", "logprobs", "true or false"],
  [{ n: 129 }, "invalid_value", "n", "is 129; accepted: a whole number from 1 to 128"],
  [{ n: 0 }, "invalid_value", "n", "is 0"],
  [{ n: "2" }, "invalid_value", "n", 'is "2"'],
  [{ seed: 1.5 }, "invalid_value", "seed", "1.5"],
  [{ seed: 2 ** 60 }, "invalid_value", "seed", "whole number"],
  [{ stop: Array(17).fill("a") }, "invalid_value", "stop", "16"],
  [{ stop: ["a", ""] }, "invalid_value", "stop[1]", '""'],
  [{ stream: "yes" }, "invalid_value", "stream", "true or false"],
  [{ stream_options: { include_usage: true } }, "invalid_value", "stream_options", "'stream' is true"],
  [{ stream: true, stream_options: { usage: true } }, "unknown_field", "stream_options.usage", "not a field"],
  [{ temprature: 1 }, "unknown_field", "temprature", "did you mean 'temperature'?"],
  [{ ["x".repeat(10_000)]: 1 }, "unknown_field", `${"x".repeat(100)}…`, "not a field"],
  [{ model: "m".repeat(10), stop: "s".repeat(5000) }, "invalid_value", "stop", "…"],
])("%j is refused", (over, ...[code, param, words]) => {
  const error = errorOf(() => parse(over));
  expect([error.code, error.param]).toEqual([code, param]);
  expect(error.message).toContain(words);
  expect(error.message.length).toBeLessThan(400);
});

test("any JSON is a request or a MillraceError that asks for a 4xx, in both dialect routes", () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const field = fc.constantFrom(...Object.keys(chatFields), "prompt", "echo", "nothing");
  const message = fc.dictionary(fc.constantFrom("role", "content", "name", "type", "text"), value);
  const valid = fc.constantFrom({ messages }, { prompt: "a" });
  const body = fc.oneof(
    value,
    fc.tuple(valid, fc.dictionary(field, value)).map(([body, more]) => ({ ...more, ...body })),
    fc.record({ messages: fc.array(message, { maxLength: 3 }) }),
    fc.record({ messages: fc.tuple(fc.record({ role: fc.constant("user"), content: fc.array(message) })) }),
  );
  fc.assert(
    fc.property(body, fc.constantFrom(parseChat, parseCompletion), (body, parse) => {
      try {
        expect(parse(body, fixed).request.id).toBe("req-1");
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        expect(error.row.status).toBe(400);
        expect(error.message.length).toBeLessThan(500);
      }
    }),
    { numRuns: 1000 },
  );
});

test("every field of the official client's types is known", () => {
  expectTypeOf<Exclude<keyof OpenAI.ChatCompletionCreateParams, keyof typeof chatFields>>().toEqualTypeOf<never>();
});
