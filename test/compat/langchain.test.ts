import { HumanMessage, SystemMessage, ToolMessage, type AIMessageChunk } from "@langchain/core/messages";
import { ChatOpenAI, OpenAI } from "@langchain/openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../e2e/server.ts";
import { testModel } from "../models.ts";
import { booking, wish } from "./booking.ts";

// LangChain against the built program with a real model.

const messages = [new SystemMessage("Be brief."), new HumanMessage("Why is the sky blue?")];

let server: TestServer;
const settings = () => ({
  model: "smollm2-135m-instruct",
  apiKey: "none",
  temperature: 0,
  maxTokens: 24,
  maxRetries: 0,
  configuration: { baseURL: `${server.url}/v1` },
});
beforeAll(async () => {
  await testModel("smollm2");
  server = await startServer({ args: ["--parallel", "4"] });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

test("a chat whole and as a stream says the same", async () => {
  const chat = new ChatOpenAI(settings());
  const whole = await chat.invoke(messages);
  expect(whole.text).toMatch(/\w/);
  expect(whole.usage_metadata!.output_tokens).toBeGreaterThan(5);
  let text = "";
  let outputTokens = 0;
  for await (const chunk of await chat.stream(messages)) {
    text += chunk.text;
    outputTokens += chunk.usage_metadata?.output_tokens ?? 0;
  }
  expect(text).toBe(whole.text);
  expect(outputTokens).toBe(whole.usage_metadata!.output_tokens);
});

test("a tool that must be called is called as its schema says, whole and as a stream", async () => {
  const parameters = { type: "object", properties: { city: { enum: ["Rome", "Paris"] } }, required: ["city"] };
  const weather = { type: "function", function: { name: "weather", description: "The weather now", parameters } };
  const chat = new ChatOpenAI({ ...settings(), maxTokens: 100 }).bindTools([weather], {
    tool_choice: "required",
    parallel_tool_calls: false,
  });
  const whole = await chat.invoke(messages);
  expect(whole.tool_calls).toMatchObject([
    { name: "weather", args: { city: expect.stringMatching(/^(Rome|Paris)$/) } },
  ]);
  let streamed: AIMessageChunk | undefined;
  for await (const chunk of await chat.stream(messages)) streamed = streamed?.concat(chunk) ?? chunk;
  expect(streamed!.tool_calls!.map(({ args }) => args)).toEqual(whole.tool_calls!.map(({ args }) => args));
  const result = new ToolMessage({ content: "sunny", tool_call_id: whole.tool_calls![0]!.id! });
  const answer = await new ChatOpenAI(settings()).invoke([...messages, whole, result]);
  expect(answer.text).toMatch(/\w/);
});

test.each(["jsonSchema", "functionCalling"] as const)(
  "structured output is what its schema says: %s",
  async (method) => {
    const chat = new ChatOpenAI({ ...settings(), maxTokens: 400 });
    const answer: unknown = await chat.withStructuredOutput(booking, { name: "booking", method }).invoke(wish);
    booking.parse(answer);
  },
);

test("several conversations at once", async () => {
  const chat = new ChatOpenAI(settings());
  const answers = await chat.batch(["One, two,", "Red, green,", "Hello"].map((text) => [new HumanMessage(text)]));
  expect(answers.every(({ text }) => text.length > 0)).toBe(true);
});

test("a completion", async () => {
  expect(await new OpenAI(settings()).invoke("One, two, three,")).toMatch(/\w/);
});

test("an error has the server's words", async () => {
  const refused = new ChatOpenAI({ ...settings(), temperature: 3 }).invoke(messages);
  await expect(refused).rejects.toThrow("'temperature' is 3");
});
