import { expect, test } from "vitest";
import { parseChat } from "./chat-request.ts";
import { errorOf, someFixed } from "./testing.ts";

const user = { role: "user", content: "hi" };
const tool = (name: string, parameters?: unknown) => ({ type: "function", function: { name, parameters } });
const weather = tool("weather", { type: "object", properties: { city: { type: "string" } } });
const call = { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city": "Rome"}' } };
const parse = (over: object) => parseChat({ messages: [user], ...over }, someFixed());

test("tools arrive as templates know them; calls are read unless none are wanted", () => {
  const { request, calls } = parse({ tools: [weather, tool("time")], parallel_tool_calls: false });
  const time = { type: "function", function: { name: "time", parameters: { type: "object", properties: {} } } };
  expect(request.prompt).toMatchObject({ tools: [weather, time] });
  expect(request.constraint).toBeUndefined();
  expect(calls).toEqual({ names: new Set(["weather", "time"]), most: 1, marksOnly: false });
  expect(parse({ tools: [weather], tool_choice: "none" })).toEqual(parse({}));
});

test.each([
  ["required", {}, Infinity],
  ["required", { parallel_tool_calls: false }, 1],
  [{ type: "function", function: { name: "weather" } }, {}, 1],
  [{ type: "function", function: { name: "weather" } }, { parallel_tool_calls: true }, 1],
])("%j with %j keeps the answer to calls, at most %d", (choice, over, most) => {
  const { request, calls } = parse({ tools: [weather], tool_choice: choice, ...over });
  expect(request.constraint).toBeDefined();
  expect(calls!.most).toBe(most);
});

test("calls and their results are part of a conversation", () => {
  const assistant = {
    role: "assistant",
    content: null,
    tool_calls: [call, { ...call, id: "2", function: { name: "time", arguments: "" } }],
  };
  const { prompt } = parse({
    messages: [user, assistant, { role: "tool", tool_call_id: "call_1", content: "sunny" }],
  }).request;
  expect(prompt).toMatchObject({
    messages: [
      user,
      {
        role: "assistant",
        content: "",
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "weather", arguments: { city: "Rome" } } },
          { id: "2", function: { name: "time", arguments: {} } },
        ],
      },
      { role: "tool", tool_call_id: "call_1", content: "sunny" },
    ],
  });
});

const assistant = (written: string) => ({
  messages: [user, { role: "assistant", tool_calls: [{ ...call, function: { name: "a", arguments: written } }] }],
});
const required = { tool_choice: "required" };
const choose = (name: string) => ({ tool_choice: { type: "function", function: { name } } });

test.each([
  [{ tools: [{ type: "custom", custom: { name: "a" } }] }, "unsupported_field", "tools[0].type"],
  [{ tools: [{ type: "function" }] }, "missing_field", "tools[0].function"],
  [{ tools: [tool("a b")] }, "invalid_value", "tools[0].function.name"],
  [{ tools: [tool("a", [])] }, "invalid_value", "tools[0].function.parameters"],
  [{ tools: [tool("a"), tool("a")] }, "invalid_value", "tools[1].function.name"],
  [{ tools: Array(129).fill(weather) }, "invalid_value", "tools"],
  [{ tools: [{ ...weather, function: { name: "a", paramters: {} } }] }, "unknown_field", "tools[0].function.paramters"],
  [required, "invalid_value", "tool_choice"],
  [{ tools: [weather], tool_choice: "always" }, "invalid_value", "tool_choice"],
  [
    { tools: [weather], tool_choice: { type: "allowed_tools", allowed_tools: {} } },
    "unsupported_field",
    "tool_choice.type",
  ],
  [{ tools: [weather], ...choose("time") }, "invalid_value", "tool_choice.function.name"],
  [{ tools: [tool("a", { type: "array" })], ...required }, "invalid_value", "tools[0].function.parameters.type"],
  [{ tools: [tool("a", { anyOf: [{}] })], ...required }, "invalid_value", "tools[0].function.parameters.anyOf"],
  [{ tools: [tool("a", { $ref: "#/$defs/b" })], ...required }, "invalid_value", "tools[0].function.parameters.$ref"],
  [
    { tools: [tool("a", { $ref: "#/$defs/b", $defs: { b: { type: "array" } } })], ...required },
    "invalid_value",
    "tools[0].function.parameters.$ref",
  ],
  [
    { tools: [tool("a", { type: ["object", "null"] })], ...required },
    "invalid_value",
    "tools[0].function.parameters.type",
  ],
  [{ tools: [tool("a", { not: {} })], ...required }, "unsupported_field", "tools[0].function.parameters.not"],
  [{ tools: [weather], ...required, guided_regex: "a" }, "invalid_value", "guided_regex"],
  [{ tools: [weather], ...required, ignore_eos: true }, "invalid_value", "ignore_eos"],
  [
    { tools: [weather], ...required, response_format: { type: "json_schema", json_schema: { name: "a" } } },
    "missing_field",
    "response_format.json_schema.schema",
  ],
  [{ messages: [{ ...user, tool_calls: [call] }] }, "invalid_value", "messages[0].tool_calls"],
  [{ messages: [user, { role: "tool", content: "a" }] }, "missing_field", "messages[1].tool_call_id"],
  [{ messages: [{ role: "assistant" }] }, "missing_field", "messages[0].content"],
])("%j is refused", (over, ...expected) => {
  const { code, param } = errorOf(() => parse(over));
  expect([code, param]).toEqual(expected);
});

const deep = (levels: number): string => `${'{"items":'.repeat(levels)}{}${"}".repeat(levels)}`;

test.each(["[1]", '{"a": ', deep(5000)])(
  "arguments that are no object, as a model may have written them, stay: %.20j",
  (written) => {
    expect(parse(assistant(written)).request.prompt).toMatchObject({
      messages: [user, { tool_calls: [{ function: { name: "a", arguments: written } }] }],
    });
  },
);

test("schemas nested without end are refused, whether or not they must be kept to", () => {
  for (const choice of ["auto", "none", "required"]) {
    const over = { tools: [tool("a", JSON.parse(deep(5000)))], tool_choice: choice };
    expect(errorOf(() => parse(over)).param).toBe("tools[0].function.parameters");
  }
});
