import { expect, test } from "vitest";
import { failure } from "../core/errors.ts";
import type { TextQuestion, TextReply } from "../core/text-question.ts";
import { aModel, FixedModels, ScriptedBackend, startServer } from "./testing.ts";

const messages = [{ role: "developer", content: [{ type: "text", text: "hi" }] }];
const said = [{ role: "system", content: "hi" }];

const serverOf = (ask: (question: TextQuestion) => Promise<TextReply>) => {
  const first = aModel(new ScriptedBackend());
  const second = aModel(new ScriptedBackend(undefined, "other"), { ask });
  return startServer(undefined, { models: new FixedModels(first, second) });
};

const weather = { name: "weather", parameters: { type: "object" } };

test.each([
  [
    "/tokenize",
    { content: "hi" },
    { kind: "tokenize", text: "hi", addSpecial: false, parseSpecial: true },
    { tokens: [1, 2] },
    { tokens: [1, 2] },
  ],
  [
    "/tokenize",
    { content: "", add_special: true, parse_special: false, with_pieces: false },
    { kind: "tokenize", text: "", addSpecial: true, parseSpecial: false },
    { tokens: [] },
    { tokens: [] },
  ],
  ["/detokenize", { tokens: [1, 2] }, { kind: "detokenize", tokens: [1, 2] }, { text: "hi" }, { content: "hi" }],
  [
    "/apply-template",
    { messages, tools: [{ type: "function", function: weather }] },
    { kind: "render", model: "other", messages: said, tools: [{ type: "function", function: weather }] },
    { text: "hi" },
    { prompt: "hi" },
  ],
])("%s asks the model that is named: %j", async (url, body, ...[question, reply, answer]) => {
  const asked: TextQuestion[] = [];
  await using it = await serverOf(async (one) => {
    asked.push(one);
    return reply as TextReply;
  });
  const response = await it.server.inject({ method: "POST", url, payload: { ...body, model: "other" } });
  expect([response.statusCode, response.json()]).toEqual([200, answer]);
  expect(asked).toEqual([question]);
});

test.each([
  ["/tokenize", {}, "content"],
  ["/apply-template", { messages, tools: [{ type: "function", function: { name: "a b" } }] }, "tools[0].function.name"],
  ["/tokenize", { content: "a".repeat(250_001) }, "content"],
  ["/tokenize", { content: "a", with_pieces: true }, "with_pieces"],
  ["/detokenize", { tokens: [-1] }, "tokens[0]"],
  ["/detokenize", { tokens: "a" }, "tokens"],
  ["/apply-template", { messages: [] }, "messages"],
])("%s: what does not fit is refused by name: %j", async (url, payload, param) => {
  await using it = await startServer();
  const response = await it.server.inject({ method: "POST", url, payload });
  expect([response.statusCode, response.json<{ error: { param: string } }>().error.param]).toEqual([400, param]);
});

test("what the model says against it has its status", async () => {
  await using it = await serverOf(async () => {
    throw failure("no_chat_template", { model: "other" });
  });
  const payload = { model: "other", messages };
  const response = await it.server.inject({ method: "POST", url: "/apply-template", payload });
  expect([response.statusCode, response.json<{ error: { code: string } }>().error.code]).toEqual([
    400,
    "no_chat_template",
  ]);
});
