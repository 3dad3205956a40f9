import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testModel } from "../models.ts";
import { startServer, type TestServer } from "./server.ts";

const conversation = [{ role: "user" as const, content: "Write one sentence about a river." }];

describe.each(["llama", "fake"])("the official client against the built server, engine %s", (engine) => {
  let server: TestServer;
  let client: OpenAI;
  let model: string;

  beforeAll(async () => {
    const args = engine === "fake" ? ["--engine", "fake"] : ["--model", await testModel("smollm2")];
    server = await startServer({ args: [...args, "--parallel", "16", "--context", "512"] });
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
    model = (await client.models.list()).data[0]!.id;
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  test("streamed text equals unstreamed text for the same seed, and usage adds up", async () => {
    const request = { model, messages: conversation, temperature: 0.8, seed: 7, max_tokens: 40 };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let finish: string | null = null;
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe(whole.choices[0]!.message.content);
    expect(text.length).toBeGreaterThan(0);
    expect(finish).toBe(whole.choices[0]!.finish_reason);
    // The second time only the last token of the prompt is computed: its logits are wanted.
    const cached = { cached_tokens: whole.usage!.prompt_tokens - 1 };
    expect(usage).toEqual({ ...whole.usage, prompt_tokens_details: cached });
    expect(usage!.total_tokens).toBe(usage!.prompt_tokens + usage!.completion_tokens);
    expect(usage!.completion_tokens).toBeLessThanOrEqual(40);
  });

  test("another seed gives another answer, the same seed the same", async () => {
    const ask = async (seed: number): Promise<string | null> => {
      const request = { model, messages: conversation, temperature: 1.5, seed, max_tokens: 24 };
      return (await client.chat.completions.create(request)).choices[0]!.message.content;
    };
    const [a, again, b, c] = [await ask(1), await ask(1), await ask(2), await ask(3)];
    expect(again).toBe(a);
    expect(new Set([a, b, c]).size).toBeGreaterThan(1);
  });

  test("16 concurrent greedy requests each give what the same request gives alone", async () => {
    const ask = async (index: number): Promise<string> => {
      const answer = await client.completions.create({
        model,
        prompt: `Item ${index}: the ${"very ".repeat(index)}long road to`,
        temperature: 0,
        max_tokens: engine === "fake" ? 48 : 16,
      });
      return answer.choices[0]!.text;
    };
    const alone: string[] = [];
    for (let index = 0; index < 16; index++) alone.push(await ask(index));
    const together = await Promise.all(alone.map((_, index) => ask(index)));
    expect(together).toEqual(alone);
  });

  test("an answer beyond the context ends with length; a prompt beyond it is refused with the numbers", async () => {
    const long = await client.completions.create({
      model,
      prompt: "word ".repeat(300),
      max_tokens: 10_000,
      ignore_eos: true,
    } as OpenAI.CompletionCreateParamsNonStreaming);
    expect(long.choices[0]!.finish_reason).toBe("length");
    expect(long.usage!.total_tokens).toBe(512);
    await expect(client.completions.create({ model, prompt: "word ".repeat(700) })).rejects.toMatchObject({
      status: 400,
      code: "context_length_exceeded",
      param: "prompt",
      message: expect.stringContaining("this model's maximum context length is 512 tokens"),
    });
    await expect(client.completions.create({ model, prompt: "word ".repeat(200_000) })).rejects.toMatchObject({
      status: 400,
      code: "context_length_exceeded",
    });
  });

  test("a stop string ends the answer and is no part of it", async () => {
    const request = { model, prompt: "One, two, three,", temperature: 0, max_tokens: 40, ignore_eos: true };
    const free = (await client.completions.create(request as OpenAI.CompletionCreateParamsNonStreaming)).choices[0]!
      .text;
    const stop = free.slice(10, 16);
    const stopped = await client.completions.create({
      ...request,
      stop: [stop],
    } as OpenAI.CompletionCreateParamsNonStreaming);
    expect(stopped.choices[0]!.text).toBe(free.slice(0, free.indexOf(stop)));
    expect(stopped.choices[0]!.finish_reason).toBe("stop");
  });

  test("models are listed and retrieved; an unknown one is a 404", async () => {
    expect((await client.models.retrieve(model)).id).toBe(model);
    await expect(client.models.retrieve("nothing")).rejects.toMatchObject({ status: 404, code: "model_not_found" });
  });
});
