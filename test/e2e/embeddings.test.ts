import { spawnSync } from "node:child_process";
import { join } from "node:path";
import OpenAI from "openai";
import { beforeAll, expect, test } from "vitest";
import { shortened } from "../../src/core/embedding.ts";
import { cosine } from "../contracts/cosine.ts";
import { testModel } from "../models.ts";
import { descendants } from "./processes.ts";
import { poll, program, startServer, type TestServer } from "./server.ts";

const model = "all-minilm-l6-v2";
const env = { MILLRACE_HOME: join(import.meta.dirname, "..", "..", ".cache", "models") };
const clientOf = ({ url }: TestServer) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });

beforeAll(() => testModel("minilm"));

test("the catalogue's model by its name: the cosines that its makers publish, in any form of request", async () => {
  await using server = await startServer({ args: [model], env });
  expect(server.output()).toMatch(/vectors of 384 numbers[^]*curl .*\/v1\/embeddings/);
  const client = clientOf(server);
  // https://sbert.net/docs/sentence_transformer/usage/usage.html
  const input = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."];
  const { data, usage } = await client.embeddings.create({ model, input });
  expect(data.map(({ index }) => index)).toEqual([0, 1, 2]);
  const [lovely, sunny, stadium] = data.map(({ embedding }) => Float32Array.from(embedding));
  const published = [0.666, 0.1411, 0.1046];
  const pairs = [cosine(lovely!, sunny!), cosine(sunny!, stadium!), cosine(lovely!, stadium!)];
  for (const [i, expected] of published.entries()) expect(pairs[i]).toBeCloseTo(expected, 3);
  expect(usage).toEqual({ prompt_tokens: 25, total_tokens: 25 });

  const first = { model, input: input[0]! };
  const near = async (asked: OpenAI.EmbeddingCreateParams, expected: Float32Array) => {
    const { data } = await client.embeddings.create(asked);
    expect(cosine(Float32Array.from(data[0]!.embedding), expected)).toBeGreaterThan(0.9999);
  };
  await near(first, lovely!);
  await near({ ...first, encoding_format: "float" }, lovely!);
  // Hugging Face's tokens of it.
  await near({ model, input: [101, 1996, 4633, 2003, 8403, 2651, 1012, 102] }, lovely!);
  await near({ ...first, dimensions: 100 }, shortened(lovely!, 100));
  await near({ model, input: `${" ".repeat(50_000)}${input[0]}` }, lovely!); // blanks are no tokens
});

test("what it cannot do is a 400 that says so", async () => {
  await using server = await startServer({ args: [model], env });
  const client = clientOf(server);
  const refused = async (answer: Promise<unknown>, error: object) =>
    await expect(answer).rejects.toMatchObject({ status: 400, ...error });
  const long = "river ".repeat(600);
  await refused(client.embeddings.create({ model, input: ["short", long] }), {
    code: "context_length_exceeded",
    param: "input[1]",
    message: "400 'input[1]' has 602 tokens; this model's maximum context length is 512 tokens",
  });
  await refused(client.embeddings.create({ model, input: Array<string>(2049).fill("a") }), { param: "input" });
  await refused(client.embeddings.create({ model, input: "a", dimensions: 385 }), { param: "dimensions" });
  const chat = client.chat.completions.create({ model, messages: [{ role: "user", content: "hi" }] });
  await refused(chat, { code: "only_embeddings" });
  await refused(client.completions.create({ model, prompt: "hi" }), { code: "only_embeddings" });
  const run = spawnSync(process.execPath, [program, "run", "--model", model, "hi"], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  expect([run.status, run.stderr]).toEqual([1, expect.stringContaining("makes embeddings and generates no text")]);
});

test("a model that generates embeds when it is told how to pool", async () => {
  const smollm2 = await testModel("smollm2");
  await using server = await startServer({ args: [smollm2, "--name", "small", "--context", "512"] });
  const ask = (it: TestServer) => clientOf(it).embeddings.create({ model: "small", input: ["a mill", "a river"] });
  await expect(ask(server)).rejects.toMatchObject({ status: 400, code: "no_embeddings" });
  await server[Symbol.asyncDispose]();
  await using pooling = await startServer({ args: [smollm2, "--name", "small", "--pooling", "mean"] });
  const { data } = await ask(pooling);
  expect(data.map(({ embedding }) => embedding.length)).toEqual([576, 576]);
});

test("an engine that is killed while it computes is started again, and the answer comes whole", async () => {
  await using server = await startServer({ args: [model], env });
  const client = clientOf(server);
  const input = Array.from({ length: 60 }, (_, n) => `Page ${n} of a book about the old mill by the river. `.repeat(6));
  const before = await client.embeddings.create({ model, input });
  const [engine] = descendants(server.process.pid!);
  const answer = client.embeddings.create({ model, input });
  await new Promise((wake) => setTimeout(wake, 300));
  process.kill(engine!, "SIGKILL");
  const { data, usage } = await answer;
  expect(usage).toEqual(before.usage);
  for (const [i, { embedding }] of data.entries())
    expect(cosine(Float32Array.from(embedding), Float32Array.from(before.data[i]!.embedding))).toBeGreaterThan(0.9999);
  const again = await poll(() => descendants(server.process.pid!)[0]);
  expect(again).not.toBe(engine);
});
