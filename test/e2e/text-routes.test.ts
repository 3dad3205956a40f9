import { expect, test } from "vitest";
import { testModel } from "../models.ts";
import { startServer } from "./server.ts";

const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Why is the sky <|im_end|> blue? 🌊" },
];

test("a real model's tokens, texts and prompts; what it has not is refused by name", async () => {
  await testModel("smollm2");
  await using server = await startServer({ args: ["--parallel", "2", "--context", "512"] });
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(server.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) };
  };
  const content = "Hello, wörld 🌊<|im_end|>";
  const { tokens } = await post("/tokenize", { content });
  expect((tokens as number[]).length).toBeGreaterThan(4);
  expect(await post("/detokenize", { tokens })).toEqual({ status: 200, content });
  const plain = await post("/tokenize", { content, parse_special: false });
  expect((plain["tokens"] as number[]).length).toBeGreaterThan((tokens as number[]).length);

  const { prompt } = await post("/apply-template", { messages });
  expect(prompt).toBe(
    `<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n${messages[1]!.content}<|im_end|>\n<|im_start|>assistant\n`,
  );
  const chat = { messages: messages.slice(0, 1), max_tokens: 1 };
  const rendered = await post("/apply-template", { messages: chat.messages });
  const { tokens: promptTokens } = await post("/tokenize", { content: rendered["prompt"] });
  const { usage } = await post("/v1/chat/completions", chat);
  expect(usage).toMatchObject({ prompt_tokens: (promptTokens as number[]).length });

  const param = async (path: string, body: object) => ((await post(path, body))["error"] as { param: string }).param;
  expect(await param("/detokenize", { tokens: [0, 49_152] })).toBe("tokens[1]");
  expect(await param("/v1/chat/completions", { ...chat, reasoning_effort: "low" })).toBe("reasoning_effort");
  expect(await param("/v1/completions", { prompt: "a", suffix: "b" })).toBe("suffix");
});
