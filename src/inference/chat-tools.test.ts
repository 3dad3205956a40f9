import { expect, test } from "vitest";
import type { ChatMessage, Tool, ToolCall } from "../core/generation.ts";
import { toolForms } from "./chat-tools.ts";

/** The form that is tried first. */
const firstForm = (...given: Parameters<typeof toolForms>) => toolForms(...given).next().value!;

const weather: Tool = { type: "function", function: { name: "weather", parameters: { type: "object" } } };
const callIn = (city: string, id: string): ToolCall => ({
  id,
  type: "function",
  function: { name: "weather", arguments: { city } },
});
const call = callIn("Rome", "1");
const result = (content: string, id = "1"): ChatMessage => ({ role: "tool", content, tool_call_id: id });
const user: ChatMessage = { role: "user", content: "Hi" };
const talk = [user, { role: "assistant", content: "", tool_calls: [call, call] }, result("sunny"), result("rainy")];

const qwen = String.raw`{%- if tools %}{{- "<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>" }}{%- endif %}`;
const llama = String.raw`{%- if tools is not none %}{{- 'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.' }}{%- endif %}`;

test.each([qwen, llama])("a template that knows tools gets the conversation as it is: %s", (template) => {
  expect(firstForm({ messages: talk, tools: [weather] }, template)).toEqual({ messages: talk, tools: [weather] });
});

test.each([
  "{{ messages }}",
  "{% for tool in tools %}<tool_call><function=example>{% endfor %}",
  "{% for tool in tools %}[TOOL_CALLS]{% endfor %}",
])("another gets plain turns, and an instruction: %s", (template) => {
  const { messages, tools } = firstForm({ messages: talk, tools: [weather] }, template);
  expect(tools).toBeUndefined();
  const [system, ...turns] = messages;
  expect(system!.role).toBe("system");
  expect(system!.content).toContain(`<tools>\n${JSON.stringify(weather)}\n</tools>`);
  const written = '<tool_call>\n{"name":"weather","arguments":{"city":"Rome"}}\n</tool_call>';
  expect(turns).toEqual([
    user,
    { role: "assistant", content: `${written}\n${written}` },
    {
      role: "user",
      content: "<tool_response>\nsunny\n</tool_response>\n<tool_response>\nrainy\n</tool_response>",
    },
  ]);
});

test("arguments that were written badly are shown as they were", () => {
  const bad = { ...call, function: { name: "weather", arguments: '{"city": ' } };
  const { messages } = firstForm({ messages: [{ role: "assistant", content: "", tool_calls: [bad] }] }, "");
  expect(messages[0]!.content).toBe('<tool_call>\n{"name":"weather","arguments":{"city": }\n</tool_call>');
});

test("the instruction stands behind the client's own, and a conversation without tools is left alone", () => {
  const system: ChatMessage = { role: "system", content: "Be brief." };
  const { messages } = firstForm({ messages: [system, user], tools: [weather] }, "");
  expect(messages).toHaveLength(2);
  expect(messages[0]!.content).toMatch(/^Be brief\.\n\nYou may call/);
  expect(firstForm({ messages: [system, user] }, "")).toEqual({ messages: [system, user] });
});

test.each([qwen, "{{ messages }}"])("results stand in the order of the calls that they answer: %s", (template) => {
  const calls = [callIn("Rome", "a"), callIn("Paris", "b"), callIn("Oslo", "b"), callIn("Bern", "d")];
  const results = [result("4", "d"), result("2", "b"), result("3", "b"), result("?", "e"), result("1", "a")];
  const messages: ChatMessage[] = [user, { role: "assistant", content: "", tool_calls: calls }, ...results, user];
  const shown = JSON.stringify(firstForm({ messages }, template).messages.slice(2));
  expect(shown.match(/[\d?](?="|\\n<)/g)!.join("")).toBe("1234?");
});

test("where a template takes one call at a time each comes with its result", () => {
  const calls = [callIn("Rome", "a"), callIn("Paris", "b")];
  const assistant: ChatMessage = { role: "assistant", content: "Both.", reasoning_content: "hm", tool_calls: calls };
  const messages = [user, assistant, result("rainy", "b"), result("sunny", "a"), user];
  const [, second] = toolForms({ messages }, llama);
  expect(second!.messages).toEqual([
    user,
    { ...assistant, tool_calls: [calls[0]] },
    result("sunny", "a"),
    { role: "assistant", content: "", tool_calls: [calls[1]] },
    result("rainy", "b"),
    user,
  ]);
});

test("what a user says beside a result is the same turn", () => {
  const messages = [user, { role: "assistant", content: "", tool_calls: [call] }, result("sunny"), user, user];
  expect(firstForm({ messages }, "").messages.slice(2)).toEqual([
    { role: "user", content: "<tool_response>\nsunny\n</tool_response>\nHi" },
    user,
  ]);
});
