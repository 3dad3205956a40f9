import { expect, test } from "vitest";
import type { ChatMessage, Tool } from "../core/generation.ts";
import { withTools } from "./chat-tools.ts";

const weather: Tool = { type: "function", function: { name: "weather", parameters: { type: "object" } } };
const call = { id: "1", type: "function", function: { name: "weather", arguments: { city: "Rome" } } } as const;
const result = (content: string): ChatMessage => ({ role: "tool", content, tool_call_id: "1" });
const user: ChatMessage = { role: "user", content: "Hi" };
const talk = [user, { role: "assistant", content: "", tool_calls: [call, call] }, result("sunny"), result("rainy")];

const qwen = String.raw`{%- if tools %}{{- "<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>" }}{%- endif %}`;
const llama = String.raw`{%- if tools is not none %}{{- 'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.' }}{%- endif %}`;

test.each([qwen, llama])("a template that knows tools gets the conversation as it is: %s", (template) => {
  expect(withTools({ messages: talk, tools: [weather] }, template)).toEqual({ messages: talk, tools: [weather] });
});

test.each([
  "{{ messages }}",
  "{% for tool in tools %}<tool_call><function=example>{% endfor %}",
  "{% for tool in tools %}[TOOL_CALLS]{% endfor %}",
])("another gets plain turns, and an instruction: %s", (template) => {
  const { messages, tools } = withTools({ messages: talk, tools: [weather] }, template);
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
  const { messages } = withTools({ messages: [{ role: "assistant", content: "", tool_calls: [bad] }] }, "");
  expect(messages[0]!.content).toBe('<tool_call>\n{"name":"weather","arguments":{"city": }\n</tool_call>');
});

test("the instruction stands behind the client's own, and a conversation without tools is left alone", () => {
  const system: ChatMessage = { role: "system", content: "Be brief." };
  const { messages } = withTools({ messages: [system, user], tools: [weather] }, "");
  expect(messages).toHaveLength(2);
  expect(messages[0]!.content).toMatch(/^Be brief\.\n\nYou may call/);
  expect(withTools({ messages: [system, user] }, "")).toEqual({ messages: [system, user] });
});
