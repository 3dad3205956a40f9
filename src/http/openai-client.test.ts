import OpenAI from "openai";
import { expect, test } from "vitest";
import { failure } from "../core/errors.ts";
import { apiKey } from "../config/api-keys.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
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

/** Says two words to each choice, with what else could have stood there. */
async function* likely({ choice, logprobs }: GenerationRequest): AsyncGenerator<GenerationEvent> {
  yield { type: "admitted", promptTokens: [1] };
  for (const [at, text] of [`choice ${choice} `, "👋"].entries()) {
    const token = { token: at, bytes: [...Buffer.from(text)], isControl: false, logprob: -0.5 };
    const top = [{ ...token, bytes: [120], logprob: -0.1 }].slice(0, logprobs);
    const begin = 9 * at;
    yield {
      type: "text-delta",
      text,
      tokens: [at],
      ...(logprobs !== undefined && { logprobs: [{ ...token, begin, top }] }),
    };
  }
  const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 2 };
  yield { type: "finished", reason: "stop", usage };
}

test("the official client reads choices and logprobs, whole and as a stream", async () => {
  await using it = await startServer(likely);
  const client = clientOf(it);
  const wanted = { model, messages, n: 2, logprobs: true, top_logprobs: 1 };
  const whole = await client.chat.completions.create(wanted);
  const top = [{ token: "x", logprob: -0.1, bytes: [120] }];
  expect(whole.choices.map(({ index, message }) => [index, message.content])).toEqual([
    [0, "choice 0 👋"],
    [1, "choice 1 👋"],
  ]);
  expect(whole.choices[1]!.logprobs!.content).toEqual([
    { token: "choice 1 ", logprob: -0.5, bytes: [...Buffer.from("choice 1 ")], top_logprobs: top },
    { token: "👋", logprob: -0.5, bytes: [0xf0, 0x9f, 0x91, 0x8b], top_logprobs: top },
  ]);
  const stream = client.chat.completions.stream({ ...wanted, stream_options: { include_usage: true } });
  const streamed = await stream.finalChatCompletion();
  expect(streamed.choices.map(({ message }) => message.content)).toEqual(["choice 0 👋", "choice 1 👋"]);
  expect(streamed.choices.map(({ logprobs }) => logprobs?.content)).toEqual(
    whole.choices.map(({ logprobs }) => logprobs?.content),
  );
  expect(streamed.usage).toEqual(whole.usage);

  const completion = await client.completions.create({ model, prompt: "hi", n: 2, logprobs: 1 });
  expect(completion.choices[1]!.logprobs).toEqual({
    tokens: ["choice 1 ", "👋"],
    token_logprobs: [-0.5, -0.5],
    top_logprobs: [
      { x: -0.1, "choice 1 ": -0.5 },
      { x: -0.1, "👋": -0.5 },
    ],
    text_offset: [0, 9],
  });
});

test("the official client reads answers to several prompts behind their echo", async () => {
  await using it = await startServer(likely);
  const asked = { model, prompt: ["a ", "b "], n: 2, echo: true };
  const whole = await clientOf(it).completions.create(asked);
  const expected = ["a choice 0 👋", "a choice 1 👋", "b choice 2 👋", "b choice 3 👋"];
  expect(whole.choices.map(({ text }) => text)).toEqual(expected);
  const streamed = ["", "", "", ""];
  for await (const { choices } of await clientOf(it).completions.create({ ...asked, stream: true }))
    for (const { index, text } of choices) streamed[index] += text;
  expect(streamed).toEqual(expected);
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
