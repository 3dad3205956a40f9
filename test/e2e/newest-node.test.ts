import OpenAI from "openai";
import { expect, test } from "vitest";
import { testModel } from "../models.ts";
import { hasNodeLts, nodeLts } from "./node-lts.ts";
import { startServer } from "./server.ts";

test.skipIf(!hasNodeLts)("the built server runs the real model on the newest Node LTS", async () => {
  const args = ["--model", await testModel("smollm2"), "--context", "512"];
  await using server = await startServer({ args, node: nodeLts() });
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  const stream = await client.chat.completions.create({
    model: (await client.models.list()).data[0]!.id,
    messages: [{ role: "user", content: "Write one sentence about a river." }],
    temperature: 0,
    max_tokens: 16,
    stream: true,
  });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  expect(text.length).toBeGreaterThan(0);
  server.process.kill("SIGTERM");
  expect(await server.exited()).toEqual({ code: 0, signal: null });
});
