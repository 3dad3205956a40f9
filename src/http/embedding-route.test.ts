import OpenAI from "openai";
import { expect, test } from "vitest";
import type { EmbeddingRequest } from "../core/embedding.ts";
import { failure } from "../core/errors.ts";
import type { ServedModel } from "../core/models.ts";
import { aModel, eventually, FixedModels, ScriptedBackend, serve } from "./testing.ts";

/** A server of a model that embeds so. */
const startEmbedder = (embed: ServedModel["embed"]) => {
  const backend = new ScriptedBackend();
  return serve(backend, { models: new FixedModels(aModel(backend, { embed })) });
};
const clientOf = ({ url }: { url: string }) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, timeout: 5000 });

test("the official client gets vectors, in either encoding, and usage", async () => {
  const asked: EmbeddingRequest[] = [];
  await using it = await startEmbedder(async (request) => {
    asked.push(request);
    return { vectors: [Float32Array.of(0.5, -0.25), Float32Array.of(1, 0)], promptTokens: 7 };
  });
  const client = clientOf(it);
  const input = ["a", "b"];
  const usual = await client.embeddings.create({ model: "scripted", input }); // it asks for base64
  const floats = await client.embeddings.create({ model: "scripted", input, encoding_format: "float", dimensions: 2 });
  expect(usual.data.map(({ embedding }) => embedding)).toEqual([
    [0.5, -0.25],
    [1, 0],
  ]);
  expect(floats).toEqual(usual);
  expect(usual).toMatchObject({ object: "list", model: "scripted", usage: { prompt_tokens: 7, total_tokens: 7 } });
  expect(asked.map(({ dimensions }) => dimensions)).toEqual([undefined, 2]);
  expect(asked[0]).toMatchObject({ lane: "interactive", inputs: [{ text: "a" }, { text: "b" }] });
  await eventually(
    () => it.log.filter(({ msg, promptTokens }) => msg === "request" && promptTokens === 7).length === 2,
  );
});

test("vectors of thousands of texts are written in many turns of the event loop", async () => {
  const vectors = Array.from({ length: 1000 }, (_, at) =>
    Float32Array.from({ length: 400 }, (_, i) => Math.sin(at + i)),
  );
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns++;
    if (counting) setImmediate(count);
  };
  await using it = await startEmbedder(async () => {
    count();
    return { vectors, promptTokens: 7 };
  });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${it.url}/v1/embeddings`, { method: "POST", headers, body: '{"input":["a"]}' });
  counting = false; // its first bytes are here
  expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
  const { length } = await answer.text();
  expect(turns).toBeGreaterThan(length / 2 ** 17);
});

test("errors have their status and name their field", async () => {
  await using it = await startEmbedder(async ({ model }) => {
    throw failure("no_embeddings", { model });
  });
  const client = clientOf(it);
  await expect(client.embeddings.create({ model: "none", input: "a" })).rejects.toMatchObject({ status: 404 });
  await expect(client.embeddings.create({ model: "scripted", input: "" })).rejects.toMatchObject({
    status: 400,
    code: "invalid_value",
    param: "input",
  });
  await expect(client.embeddings.create({ model: "scripted", input: "a" })).rejects.toMatchObject({
    status: 400,
    code: "no_embeddings",
    message: expect.stringMatching(/'scripted' generates text .* 'pooling: mean'/),
  });
});

test("a client that leaves ends its request", async () => {
  let signal: AbortSignal | undefined;
  await using it = await startEmbedder((_request, given) => {
    signal = given;
    return new Promise((_resolve, reject) => {
      given.addEventListener("abort", () => reject(failure("request_cancelled", undefined)));
    });
  });
  const abort = new AbortController();
  const answer = clientOf(it).embeddings.create({ model: "scripted", input: "a" }, { signal: abort.signal });
  answer.catch(() => {});
  await eventually(() => signal !== undefined);
  abort.abort();
  await eventually(() => signal!.aborted);
  await eventually(() => it.log.some(({ status }) => status === 499));
});
