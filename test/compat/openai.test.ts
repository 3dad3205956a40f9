import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { startServer, type TestServer } from "../e2e/server.ts";
import { testModel } from "../models.ts";
import { booking, wish } from "./booking.ts";

// The official client against the built program with a real model.

const model = "smollm2-135m-instruct";
const messages = [{ role: "user" as const, content: "Why is the sky blue?" }];
const greedy = { model, messages, temperature: 0, max_tokens: 24 };

let server: TestServer;
let client: OpenAI;
beforeAll(async () => {
  await testModel("smollm2");
  server = await startServer({ args: ["--parallel", "4"] });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

test("a chat whole and as a stream says the same", async () => {
  const whole = await client.chat.completions.create(greedy);
  const { content } = whole.choices[0]!.message;
  expect(content).toMatch(/\w/);
  expect(whole.usage!.completion_tokens).toBeGreaterThan(5);
  const stream = client.chat.completions.stream({ ...greedy, stream_options: { include_usage: true } });
  const deltas: string[] = [];
  stream.on("content.delta", ({ delta }) => deltas.push(delta));
  const streamed = await stream.finalChatCompletion();
  expect(deltas.join("")).toBe(content);
  expect(streamed.choices[0]!.finish_reason).toBe(whole.choices[0]!.finish_reason);
  expect(streamed.usage!.completion_tokens).toBe(whole.usage!.completion_tokens);
});

test("a tool that must be called is called as its schema says, and its result is answered", async () => {
  const parameters = {
    type: "object",
    properties: { city: { type: "string", maxLength: 20 }, days: { type: "integer", minimum: 1, maximum: 7 } },
    required: ["city", "days"],
    additionalProperties: false,
  };
  const weather = { type: "function" as const, function: { name: "weather", strict: true, parameters } };
  const asked = { ...greedy, tools: [weather], max_tokens: 200, parallel_tool_calls: false };
  const { choices } = await client.chat.completions.create({ ...asked, tool_choice: "required" });
  const { message, finish_reason: reason } = choices[0]!;
  expect(reason).toBe("tool_calls");
  const [call] = message.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[];
  const { city, days } = JSON.parse(call!.function.arguments) as { city: string; days: number };
  expect([typeof city, days >= 1 && days <= 7]).toEqual(["string", true]);
  const stream = client.chat.completions.stream({ ...asked, tool_choice: "required" });
  const streamed = (await stream.finalChatCompletion()).choices[0]!.message.tool_calls!;
  expect(streamed).toMatchObject([{ function: { name: "weather", arguments: call!.function.arguments } }]);
  const result = { role: "tool" as const, tool_call_id: call!.id, content: "Sunny, 25 degrees." };
  const answer = await client.chat.completions.create({ ...asked, messages: [...messages, message, result] });
  expect(answer.choices).toHaveLength(1);
});

test("a text is scored as evaluations ask for it, and as it was when it was generated", async () => {
  const prompt = "The capital of France is";
  const asked = { model, prompt, temperature: 0, logprobs: 1 };
  const answer = (await client.completions.create({ ...asked, max_tokens: 12 })).choices[0]!;
  const { choices, usage } = await client.completions.create({
    ...asked,
    prompt: [prompt + answer.text, `${prompt} purple`],
    max_tokens: 1,
    echo: true,
  });
  const [scored, odd] = choices;
  expect(scored!.text.startsWith(prompt + answer.text)).toBe(true);
  const said = answer.logprobs!.token_logprobs!;
  const first = scored!.logprobs!.text_offset!.findIndex((offset) => offset >= prompt.length);
  expect(scored!.logprobs!.token_logprobs![0]).toBeNull();
  // Computed in other batches: sums of floats differ a little.
  said.forEach((logprob, at) => expect(scored!.logprobs!.token_logprobs![first + at]).toBeCloseTo(logprob, 0));
  expect(odd!.logprobs!.token_logprobs![first]!).toBeLessThan(said[0]! - 2);
  expect(usage!.completion_tokens).toBe(2);
});

test("an answer is parsed as what it was asked to be, beside tools and alone, whole and as a stream", async () => {
  // The client refuses fields that may be missing, unless they may be null as well.
  const schema = booking.extend({ breakfast: z.boolean().nullish() });
  const weather = zodFunction({ name: "weather", parameters: z.object({ city: z.enum(["Rome", "Paris"]) }) });
  const format = zodResponseFormat(schema, "booking");
  const asked = { ...greedy, messages: [{ role: "user" as const, content: wish }], max_tokens: 400 };
  for (const tools of [undefined, [weather]]) {
    const kept = { ...asked, response_format: format, ...(tools && { tools }) };
    const whole = (await client.chat.completions.parse(kept)).choices[0]!;
    const streamed = (await client.chat.completions.stream(kept).finalChatCompletion()).choices[0]!;
    for (const { message, finish_reason: reason } of [whole, streamed]) {
      if (tools === undefined || reason === "stop") schema.parse(message.parsed);
      else for (const { function: call } of message.tool_calls!) expect(call.parsed_arguments).toBeTruthy();
    }
  }
});

test("choices, logprobs and seeds", async () => {
  const asked = { ...greedy, temperature: 1, n: 3, seed: 7, logprobs: true, top_logprobs: 2, stop: ["\n\n"] };
  const { choices, usage } = await client.chat.completions.create(asked);
  expect(choices).toHaveLength(3);
  for (const { logprobs, message } of choices) {
    const tokens = logprobs!.content!;
    expect(tokens.map(({ token }) => token).join("")).toContain(message.content!.slice(0, 3));
    expect(tokens.every(({ logprob, top_logprobs: top }) => logprob <= 0 && top.length === 2)).toBe(true);
  }
  expect(usage!.completion_tokens).toBeGreaterThan(
    Math.max(...choices.map(({ logprobs }) => logprobs!.content!.length)),
  );
});

test("what is documented and means nothing here is accepted", async () => {
  const answer = await client.chat.completions.create({
    ...greedy,
    store: true,
    metadata: { project: "mill" },
    user: "ann",
    safety_identifier: "ann",
    prompt_cache_key: "key",
    service_tier: "flex",
  });
  expect(answer.service_tier).toBe("flex");
});

test("completions, models and errors", async () => {
  const completion = await client.completions.create({ model, prompt: "Once upon a", echo: true, max_tokens: 4 });
  expect(completion.choices[0]!.text).toMatch(/^Once upon a/);
  const models = await client.models.list();
  expect(models.data.map(({ id }) => id)).toEqual([model]);
  expect((await client.models.retrieve(model)).id).toBe(model);
  await expect(client.models.retrieve("gpt-9")).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  const wrong = client.chat.completions.create({ ...greedy, temperature: 3 });
  await expect(wrong).rejects.toMatchObject({ status: 400, param: "temperature", code: "invalid_value" });
  const tooLong = client.completions.create({ model, prompt: "word ".repeat(5000) });
  await expect(tooLong).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
});

test("an abort ends the stream", async () => {
  const stream = await client.chat.completions.create({ ...greedy, max_tokens: 1000, stream: true });
  for await (const { choices } of stream) if (choices[0]!.delta.content) break;
  expect((await client.chat.completions.create({ ...greedy, max_tokens: 1 })).choices).toHaveLength(1);
});
