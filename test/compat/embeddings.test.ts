import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { OpenAIEmbeddings } from "@langchain/openai";
import { cosineSimilarity, embed, embedMany } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../e2e/server.ts";
import { testModel } from "../models.ts";

// The clients' embeddings against the built program with a real model.

const model = "all-minilm-l6-v2";
const texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."];

let server: TestServer;
let baseURL: string;
beforeAll(async () => {
  await testModel("minilm");
  server = await startServer({ args: ["--model", model] });
  baseURL = `${server.url}/v1`;
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

/** The first two texts say nearly the same. */
function expectMeaning([lovely, sunny, stadium]: readonly number[][]): void {
  expect(lovely).toHaveLength(384);
  expect(cosineSimilarity(lovely!, sunny!)).toBeGreaterThan(cosineSimilarity(lovely!, stadium!) + 0.3);
}

test("OpenAI's own: numbers, bytes and fewer dimensions", async () => {
  const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
  const usual = await client.embeddings.create({ model, input: texts });
  expectMeaning(usual.data.map(({ embedding }) => embedding));
  expect(usual.usage.prompt_tokens).toBeGreaterThan(15);
  const floats = await client.embeddings.create({ model, input: texts, encoding_format: "float" });
  const rounded = floats.data.map(({ embedding }) => embedding.map(Math.fround));
  expect(rounded).toEqual(usual.data.map(({ embedding }) => embedding));
  const few = await client.embeddings.create({ model, input: texts[0]!, dimensions: 8 });
  expect(few.data[0]!.embedding).toHaveLength(8);
});

test("Vercel's AI SDK", async () => {
  const embedder = createOpenAICompatible({ name: "millrace", baseURL }).embeddingModel(model);
  const { embeddings, usage } = await embedMany({ model: embedder, values: texts, maxRetries: 0 });
  expectMeaning(embeddings);
  expect(usage.tokens).toBeGreaterThan(15);
  const { embedding } = await embed({ model: embedder, value: texts[0]!, maxRetries: 0 });
  expect(cosineSimilarity(embedding, embeddings[0]!)).toBeGreaterThan(0.9999);
});

test("LangChain", async () => {
  const embeddings = new OpenAIEmbeddings({ model, apiKey: "none", maxRetries: 0, configuration: { baseURL } });
  expectMeaning(await embeddings.embedDocuments(texts));
  expect(await embeddings.embedQuery(texts[0]!)).toHaveLength(384);
});
