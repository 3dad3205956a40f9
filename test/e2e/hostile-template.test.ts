import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { testModel } from "../models.ts";
import { descendants, isAlive } from "./processes.ts";
import { startServer } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-template-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A model file whose chat template loops for ever: the real one's, overwritten in place. */
async function hostileModel(): Promise<string> {
  const bytes = readFileSync(await testModel("smollm2"));
  const name = bytes.indexOf("tokenizer.chat_template");
  const lengthAt = name + "tokenizer.chat_template".length + 4; // after the name: the value's type, its length, its bytes
  const length = Number(bytes.readBigUInt64LE(lengthAt));
  const loops = 6;
  const template = "{% for i in range(9999) %}".repeat(loops) + "{% endfor %}".repeat(loops);
  bytes.write(template.padEnd(length), lengthAt + 8, length, "latin1");
  writeFileSync(join(folder, "hostile.gguf"), bytes);
  return join(folder, "hostile.gguf");
}

test("a template that never ends costs its request a clear error and nobody else anything", async () => {
  await using server = await startServer({ args: ["--model", await hostileModel()] });
  const post = async (path: string, body: object): Promise<{ status: number; text: string }> => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${server.url}/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: response.status, text: await response.text() };
  };
  const chat = (): ReturnType<typeof post> => post("chat/completions", { messages: [{ role: "user", content: "hi" }] });
  const completion = (): ReturnType<typeof post> => post("completions", { prompt: "The river", max_tokens: 8 });

  const [first, second, plain] = await Promise.all([chat(), chat(), completion()]);
  expect([first.status, second.status, plain.status]).toEqual([500, 500, 200]);
  expect(first.text).toContain("template_timeout");
  expect((await completion()).status).toBe(200);
});

test("kill -9 of the server while such a template runs leaves nothing", async () => {
  await using server = await startServer({ args: ["--model", await hostileModel()] });
  const body = JSON.stringify({ messages: [{ role: "user", content: "hi" }] });
  const headers = { "content-type": "application/json" };
  void fetch(`${server.url}/v1/chat/completions`, { method: "POST", headers, body }).catch(() => {});
  await new Promise((wake) => setTimeout(wake, 300)); // it runs for 2 s
  const children = descendants(server.process.pid!);
  expect(children).not.toEqual([]);
  server.process.kill("SIGKILL");
  await new Promise((wake) => setTimeout(wake, 2000));
  expect(children.filter(isAlive)).toEqual([]);
});
