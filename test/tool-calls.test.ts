import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseJsonSchema } from "../src/api/constraints/json-schema.ts";
import { toolCalls } from "../src/api/constraints/tool-calls.ts";
import { defaultPlan } from "../src/core/execution-plan.ts";
import { openEngine } from "../src/engine/open.ts";
import { serve, type Served } from "../src/http/testing.ts";
import { LocalBackend } from "../src/inference/local-backend.ts";
import { accepts, randomAnswer } from "./random-answers.ts";

// On the fake engine, whose template knows no tools: it is instructed.

const callsWeather = 'Let me look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>';
const callsTwice = `${callsWeather}\n<tool_call>{"name": "time", "arguments": {}}</tool_call>`;
const script = { "weather in Rome": callsWeather, "weather and time": callsTwice, "<tool_response>": "It is sunny." };

let backend: LocalBackend;
let it: Served;
let client: OpenAI;
beforeAll(async () => {
  const plan = { ...defaultPlan("fake", 1), slots: 3, contextPerSlot: 2048 };
  const engine = `fake?script=${encodeURIComponent(JSON.stringify(script))}`;
  backend = new LocalBackend(openEngine({ engine, plan }), "fake");
  it = await serve(backend);
  client = new OpenAI({ baseURL: `${it.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
});

const city = {
  type: "object",
  properties: { city: { type: "string", maxLength: 12 }, days: { type: "integer", minimum: 1, maximum: 9 } },
  required: ["city"],
  additionalProperties: false,
};
const unit = { type: "object", properties: { unit: { $ref: "#/$defs/unit" } }, $defs: { unit: { enum: ["C", "F"] } } };
const parameters = { weather: city, convert: unit, time: undefined } as const;
const tools = Object.entries(parameters).map(([name, schema]) => ({
  type: "function" as const,
  function: { name, description: `the ${name}`, ...(schema && { parameters: schema }) },
}));
const ask = (content: string) => ({
  model: "fake",
  temperature: 0,
  messages: [{ role: "user" as const, content }],
  tools,
});
type Asked = OpenAI.ChatCompletionCreateParamsNonStreaming;

const ajv = new Ajv2020({ strict: false });
const validators = new Map(
  Object.entries(parameters).map(([name, schema]) => [
    name,
    ajv.compile(schema ?? { type: "object", maxProperties: 0 }),
  ]),
);

test("a model calls what it was told of, reads the result and answers", async () => {
  const asked: Asked = ask("What is the weather in Rome?");
  const { choices } = await client.chat.completions.create(asked);
  const { message, finish_reason: reason } = choices[0]!;
  expect(reason).toBe("tool_calls");
  expect(message.content).toBe("Let me look.");
  const [call] = message.tool_calls!;
  expect(call).toEqual({ id: expect.stringMatching(/^call_\w/) as string, ...toCall("weather", '{"city": "Rome"}') });
  const messages = [...asked.messages, message, { role: "tool" as const, tool_call_id: call!.id, content: "sunny" }];
  const answer = await client.chat.completions.create({ ...asked, messages });
  expect(answer.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "It is sunny." } });
  expect(answer.choices[0]!.message.tool_calls).toBeUndefined();
});

test("the official client puts a stream of calls together", async () => {
  const asked = ask("the weather and time");
  const whole = await client.chat.completions.create(asked);
  const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
  for (const { choices } of [whole, streamed]) {
    expect(choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: "Let me look." } });
    const calls = choices[0]!.message.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[];
    expect(calls).toMatchObject([toCall("weather", '{"city": "Rome"}'), toCall("time", "{}")]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
  }
  const one = await client.chat.completions.create({ ...asked, parallel_tool_calls: false });
  expect(one.choices[0]!.message.tool_calls).toHaveLength(1);
  const none = await client.chat.completions.create({ ...asked, tool_choice: "none" });
  expect(none.choices[0]!.message).toMatchObject({ content: callsTwice });
});

const toCall = (name: string, written: string) => ({ type: "function", function: { name, arguments: written } });

const answers = { type: "object", properties: { unit: { const: "C" } }, required: ["unit"] };
const format = { type: "json_schema" as const, json_schema: { name: "answer", schema: answers } };

const choices = fc.constantFrom<Asked["tool_choice"]>(
  "auto",
  "required",
  { type: "function", function: { name: "convert" } },
  { type: "function", function: { name: "time" } },
);
const requests = fc.record({
  question: fc.constantFrom("weather in Rome", "weather and time", "Tell me of the sea."),
  tool_choice: choices,
  parallel_tool_calls: fc.boolean(),
  n: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
  temperature: fc.constantFrom(0, 1),
  max_tokens: fc.constantFrom(5, 40, 400),
  logprobs: fc.boolean(),
  response_format: fc.constantFrom(undefined, format),
  stop: fc.constantFrom<string[] | undefined>(undefined, ["e", "</tool"]),
});

test("streaming equals non-streaming; what must be called is called as its schema says", async () => {
  await fc.assert(
    fc.asyncProperty(requests, async ({ question, ...fields }) => {
      const asked = { ...ask(question), ...fields };
      const whole = await client.chat.completions.create(asked);
      const said = whole.choices.map(() => ({
        content: "",
        calls: [] as string[],
        reason: "",
        tokens: [] as string[],
      }));
      for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true }))
        for (const { index, delta, finish_reason: reason, logprobs } of choices) {
          const one = said[index]!;
          one.content += delta.content ?? "";
          for (const { index: at, function: more } of delta.tool_calls ?? [])
            one.calls[at] = (one.calls[at] ?? `${more!.name!} `) + (more?.arguments ?? "");
          one.tokens.push(...(logprobs?.content ?? []).map(({ token }) => token));
          if (reason !== null) one.reason += reason;
        }
      const expected = whole.choices.map(({ message, finish_reason: reason, logprobs }) => ({
        content: message.content ?? "",
        calls: callsOf(message).map(({ name, arguments: written }) => `${name} ${written}`),
        reason,
        tokens: (logprobs?.content ?? []).map(({ token }) => token),
      }));
      expect(said).toEqual(expected);
      for (const { message, finish_reason: reason } of whole.choices) checkCalls(message, reason, fields);
    }),
    { numRuns: 60 },
  );
}, 60_000);

function callsOf({ tool_calls: calls = [] }: OpenAI.ChatCompletionMessage) {
  return (calls as OpenAI.ChatCompletionMessageFunctionToolCall[]).map((call) => call.function);
}

function checkCalls(
  message: OpenAI.ChatCompletionMessage,
  reason: string,
  { tool_choice: choice, parallel_tool_calls: parallel }: Pick<Asked, "tool_choice" | "parallel_tool_calls">,
): void {
  if (choice === "auto" || reason !== "tool_calls") return;
  const calls = callsOf(message);
  expect(message.content).toBeNull();
  expect(calls.length).toBeLessThanOrEqual(parallel === false || typeof choice === "object" ? 1 : 16);
  for (const { name, arguments: written } of calls) {
    if (typeof choice === "object" && "function" in choice) expect(name).toBe(choice.function.name);
    expect([name, written, validators.get(name)!(JSON.parse(written))]).toEqual([name, written, true]);
  }
}

test("any answer that the constraint lets through is calls that are valid by their schemas", () => {
  const callable = Object.entries(parameters).map(([name, schema]) => ({
    name,
    parameters: schema,
    strict: false,
    path: name,
  }));
  const constraint = toolCalls({ tools: callable, parallel: true });
  for (let seed = 0; seed < 30; seed++) {
    const answer = randomAnswer(constraint, seed, 20)!;
    const calls = answer.startsWith("{") ? [answer] : answer.slice(12, -13).split("\n</tool_call>\n<tool_call>\n");
    for (const call of calls) {
      const { name, ...values } = JSON.parse(call) as { name: string };
      expect([call, validators.get(name)!(Object.values(values)[0])]).toEqual([call, true]);
    }
  }
  const call = '<tool_call>\n{"name": "time", "arguments": {}}\n</tool_call>';
  expect(accepts(constraint, call)).toBe(true);
  expect(accepts(constraint, `${call}\n${call}`)).toBe(true);
  expect(accepts(constraint, '{"name": "time", "parameters": {}}')).toBe(true);
  expect(accepts(toolCalls({ tools: callable, parallel: false }), `${call}\n${call}`)).toBe(false);
});

const node = { type: "object", properties: { next: { $ref: "#/$defs/node" } }, additionalProperties: false };

test.each([
  {
    what: "a recursive type, by reference",
    schema: { $ref: "#/$defs/node", $defs: { node } },
    right: '{"next": {"next": {}}}',
  },
  { what: "a list of one type", schema: { ...node, type: ["object"], properties: {} }, right: "{}" },
  { what: "no properties, none required", schema: { type: "object", properties: {}, required: [] }, right: "{}" },
])("arguments are kept to $what", ({ schema, right }) => {
  const constraint = toolCalls({
    tools: [{ name: "a", parameters: schema, strict: false, path: "a" }],
    parallel: false,
  });
  const call = (written: string): string => `{"name": "a", "parameters": ${written}}`;
  expect(accepts(constraint, call(right))).toBe(true);
  expect(accepts(constraint, call('{"a": 1}'))).toBe(false);
});

test("beside a format a model calls, or answers in the format", async () => {
  const callable = Object.entries(parameters).map(([name, schema]) => ({
    name,
    parameters: schema,
    strict: name === "weather",
    path: name,
  }));
  const constraint = toolCalls({ tools: callable, parallel: false, instead: parseJsonSchema(answers, "schema") });
  const call = (name: string, written: string): string =>
    `<tool_call>\n{"name": "${name}", "arguments": ${written}}\n</tool_call>`;
  for (const answer of ['{"unit": "C"}', call("weather", '{"city": "Rome"}'), call("convert", '{"any": [1]}')])
    expect([answer, accepts(constraint, answer)]).toEqual([answer, true]);
  for (const answer of [
    "",
    "{}",
    call("weather", "{}"),
    call("time", '{"any": 1}'),
    `{"unit": "C"}${call("time", "{}")}`,
  ])
    expect([answer, accepts(constraint, answer)]).toEqual([answer, false]);

  const reasons = new Set<string>();
  for (let number = 0; reasons.size < 2 && number < 50; number++) {
    const asked: Asked = { ...ask(`Tell me of sea number ${number}.`), response_format: format };
    const { finish_reason: reason, message } = (await client.chat.completions.create(asked)).choices[0]!;
    if (reason === "length") continue;
    reasons.add(reason);
    if (reason === "stop") expect(message).toMatchObject({ content: '{"unit": "C"}' });
    else expect(message).toMatchObject({ content: null, tool_calls: [{ type: "function" }] });
  }
  expect([...reasons].toSorted()).toEqual(["stop", "tool_calls"]);
});

test.each([
  [{ unique: { type: "array", uniqueItems: true } }, "tools[0].function.parameters.properties.unique.uniqueItems"],
  [{ not: { not: {} } }, "tools[0].function.parameters.properties.not.not"],
])(
  "a schema that cannot be enforced is refused by its keyword where calls must be made: %j",
  async (properties, param) => {
    const odd = [{ type: "function" as const, function: { name: "odd", parameters: { type: "object", properties } } }];
    const asked: Asked = { ...ask("Hi"), tools: odd, max_tokens: 3 };
    const refused = client.chat.completions.create({ ...asked, tool_choice: "required" });
    await expect(refused).rejects.toMatchObject({ status: 400, code: "unsupported_field", param });
    expect((await client.chat.completions.create(asked)).choices).toHaveLength(1);
  },
);
