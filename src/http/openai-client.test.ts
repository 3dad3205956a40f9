import OpenAI from "openai";
import { expect, test } from "vitest";
import { failure } from "../core/errors.ts";
import { apiKey } from "../config/api-keys.ts";
import { eventually, fails, keepsTalking, says, startServer, type TestServer } from "./testing.ts";

const messages = [{ role: "user" as const, content: "hi" }];
const model = "scripted";

const clientOf = (it: TestServer, apiKey = "none") =>
  new OpenAI({ baseURL: `${it.url}/v1`, apiKey, maxRetries: 0, timeout: 5000 });

test("the official client reads whole answers, streams, usage and models", async () => {
  await using it = await startServer(says("Hel", "lo 👋", ", world"), { apiKeys: [apiKey({ key: "sk-test" })] });
  const client = clientOf(it, "sk-test");
  const whole = await client.chat.completions.create({ model, messages });
  expect(whole.choices[0]!.message.content).toBe("Hello 👋, world");
  const stream = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
  const streamed = await stream.finalChatCompletion();
  expect(streamed.choices[0]!.message.content).toBe("Hello 👋, world");
  expect(streamed.choices[0]!.finish_reason).toBe(whole.choices[0]!.finish_reason);
  expect(streamed.usage).toEqual(whole.usage);

  let text = "";
  for await (const chunk of await client.completions.create({ model, prompt: "hi", stream: true }))
    text += chunk.choices[0]!.text;
  expect(text).toBe("Hello 👋, world");

  expect((await client.models.list()).data.map(({ id }) => id)).toEqual([model]);
  expect((await client.models.retrieve(model)).owned_by).toBe("millrace");
  await expect(clientOf(it, "sk-wrong").models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
});

test("the official client understands errors, before and after the first event", async () => {
  await using it = await startServer(fails(failure("engine_failed", { problem: "it died" }), "Hel"));
  const client = clientOf(it);
  await expect(client.chat.completions.create({ model: "none", messages })).rejects.toMatchObject({
    status: 404,
    code: "model_not_found",
  });
  await expect(client.chat.completions.create({ model, messages, temperature: 3 })).rejects.toMatchObject({
    status: 400,
    code: "invalid_value",
    param: "temperature",
    message: "400 'temperature' is 3; accepted: a number from 0 to 2",
  });
  const stream = await client.chat.completions.create({ model, messages, stream: true });
  const read = async () => {
    for await (const chunk of stream) expect(chunk.choices).toHaveLength(1);
  };
  await expect(read()).rejects.toThrow("it died");
});

test("the official client's abort frees the backend", async () => {
  await using it = await startServer(keepsTalking("a", 5));
  const stream = await clientOf(it).chat.completions.create({ model, messages, stream: true });
  let seen = 0;
  for await (const { choices } of stream) if ((seen += choices.length) >= 3) break;
  await eventually(() => it.backend.signals[0]!.aborted);
});
