import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, streamText, tool } from "ai";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { startServer, type TestServer } from "../e2e/server.ts";
import { testModel } from "../models.ts";
import { booking, wish } from "./booking.ts";

// Vercel's AI SDK against the built program with a real model.

const greedy = { prompt: "Why is the sky blue?", temperature: 0, maxOutputTokens: 24, maxRetries: 0 };

let server: TestServer;
let provider: ReturnType<typeof createOpenAICompatible>;
beforeAll(async () => {
  await testModel("smollm2");
  server = await startServer({ args: ["--parallel", "4"] });
  provider = createOpenAICompatible({ name: "millrace", baseURL: `${server.url}/v1`, includeUsage: true });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

test("a chat whole and as a stream says the same", async () => {
  const model = provider("smollm2-135m-instruct");
  const whole = await generateText({ model, system: "Be brief.", ...greedy });
  expect(whole.text).toMatch(/\w/);
  const streamed = streamText({ model, system: "Be brief.", ...greedy });
  let text = "";
  for await (const piece of streamed.textStream) text += piece;
  expect(text).toBe(whole.text);
  expect(await streamed.finishReason).toBe(whole.finishReason);
  expect((await streamed.usage).outputTokens).toBe(whole.usage.outputTokens);
});

test("a tool that must be called is called as its schema says, whole and as a stream", async () => {
  const weather = tool({ description: "The weather now", inputSchema: z.object({ city: z.enum(["Rome", "Paris"]) }) });
  const asked = {
    ...greedy,
    model: provider("smollm2-135m-instruct"),
    prompt: "What is the weather in Rome?",
    maxOutputTokens: 100,
    tools: { weather },
    toolChoice: { type: "tool", toolName: "weather" } as const,
  };
  const { toolCalls, finishReason } = await generateText(asked);
  expect(finishReason).toBe("tool-calls");
  expect(toolCalls).toMatchObject([{ toolName: "weather" }]);
  expect(["Rome", "Paris"]).toContain((toolCalls[0]!.input as { city: string }).city);
  const streamed = await streamText(asked).toolCalls;
  expect(streamed.map(({ input }) => input)).toEqual(toolCalls.map(({ input }) => input));
});

test("an object is what its schema says, beside tools and alone, whole and as a stream", async () => {
  const weather = tool({ description: "The weather now", inputSchema: z.object({ city: z.enum(["Rome", "Paris"]) }) });
  const strict = createOpenAICompatible({
    name: "millrace",
    baseURL: `${server.url}/v1`,
    supportsStructuredOutputs: true,
  });
  const asked = {
    ...greedy,
    model: strict("smollm2-135m-instruct"),
    prompt: wish,
    maxOutputTokens: 400,
    output: Output.object({ schema: booking }),
  };
  booking.parse((await generateText(asked)).output);
  booking.parse(await streamText(asked).output);
  const besideTools = await generateText({ ...asked, tools: { weather } });
  if (besideTools.finishReason === "stop") booking.parse(besideTools.output);
  else expect(besideTools.toolCalls.length).toBeGreaterThan(0);
});

test("a completion", async () => {
  const { text } = await generateText({
    ...greedy,
    model: provider.completionModel("smollm2-135m-instruct"),
    prompt: "One, two,",
  });
  expect(text).toMatch(/\w/);
});

test("an error has the server's words", async () => {
  const refused = generateText({ ...greedy, model: provider("smollm2-135m-instruct"), temperature: 3 });
  await expect(refused).rejects.toMatchObject({
    statusCode: 400,
    message: expect.stringContaining("'temperature' is 3"),
  });
});
