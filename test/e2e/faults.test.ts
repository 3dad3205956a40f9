import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, truncateSync, writeFileSync, copyFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testModel } from "../models.ts";
import { descendants, isAlive } from "./processes.ts";
import { poll, program, startServer, type TestServer } from "./server.ts";

const scratch = mkdtempSync(join(tmpdir(), "millrace-e2e-"));

/** Runs a command of the built program to its end. */
function millrace(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

const json = { "content-type": "application/json" };

async function post(server: TestServer, path: string, body: string) {
  const response = await fetch(server.url + path, { method: "POST", body, headers: json });
  return { status: response.status, body: (await response.json()) as { error?: { message: string; code: string } } };
}

const ask = (over: object = {}): string =>
  JSON.stringify({ prompt: "Once upon a time", max_tokens: 400, ignore_eos: true, stream: true, ...over });

/** Opens a streaming request and gives a way to hang up on it. */
async function startStream(server: TestServer, over: object = {}): Promise<{ received(): string; hangUp(): void }> {
  const body = ask(over);
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  let received = "";
  socket.on("data", (chunk) => (received += chunk.toString())).on("error", () => {});
  await once(socket, "connect");
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return { received: () => received, hangUp: () => socket.destroy() };
}

test("files that are no model are refused in one line that says why", async () => {
  const model = await testModel("smollm2");
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(scratch, name), content);
    return join(scratch, name);
  };
  const truncated = join(scratch, "truncated.gguf");
  copyFileSync(model, truncated);
  truncateSync(truncated, 50_000_000);
  for (const [path, words] of [
    [file("empty.gguf", ""), /empty/],
    [file("text.gguf", "this is no model at all, but it is long enough to be read"), /not a GGUF/],
    [truncated, /truncated/],
    [join(scratch, "absent.gguf"), /absent\.gguf/],
  ] as const) {
    const { status, stderr } = millrace("serve", "--port", "0", "--model", path);
    expect(status).toBe(4);
    expect(stderr).toMatch(words);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
});

// All that the largest plan needs is 47 GiB: a larger machine has it.
test.skipIf(totalmem() > 45 * 2 ** 30)(
  "a model that needs more memory than there is is refused before loading, with the numbers",
  async () => {
    const { status, stderr } = millrace(
      "serve",
      "--port",
      "0",
      "--model",
      await testModel("smollm2"),
      "--context",
      "8192",
      "--parallel",
      "256",
    );
    expect(status).toBe(4);
    expect(stderr).toMatch(/needs about .*GiB.* can be had/);
  },
);

test("a port in use, an open bind and a misspelt option each end in one line and an exit code", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const port = `${(other.address() as AddressInfo).port}`;
  const inUse = millrace("serve", "--engine", "fake", "--port", port);
  other.close();
  expect(inUse).toMatchObject({ status: 3, stderr: expect.stringMatching(/already in use/) });
  expect(millrace("serve", "--engine", "fake", "--host", "0.0.0.0")).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/--api-key/),
  });
  expect(millrace("serve", "--paralel", "4")).toMatchObject({ status: 2, stderr: expect.stringMatching(/paralel/) });
});

test("bad requests get OpenAI's error shape and harm nobody", async () => {
  await using server = await startServer({ args: ["--engine", "fake"] });
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  for (const [path, body, status, words] of [
    ["/v1/chat/completions", `{"messages":${deep}}`, 400, /messages/],
    ["/v1/chat/completions", `{"messages":[],"x":${deep}}`, 400, /./],
    ["/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"temperature":${deep}}`, 400, /temperature/],
    ["/v1/chat/completions", "{", 400, /JSON/],
    ["/v1/chat/completions", '{"messages":[]}', 400, /messages/],
    ["/v1/completions", '{"prompt":"a","max_tokens":-1}', 400, /max_tokens/],
    ["/v1/nothing", "{}", 404, /v1\/nothing/],
  ] as const) {
    const answer = await post(server, path, body);
    expect([answer.status, answer.body.error?.message]).toEqual([status, expect.stringMatching(words)]);
  }
  const text = { method: "POST", body: "x", headers: { "content-type": "text/plain" } };
  expect((await fetch(`${server.url}/v1/completions`, text)).status).toBe(415);
  expect((await fetch(`${server.url}/v1/completions`)).status).toBe(405);
  const good = await fetch(`${server.url}/v1/completions`, {
    method: "POST",
    body: ask({ stream: false, max_tokens: 4 }),
    headers: { "content-type": "application/json" },
  });
  expect(good.status).toBe(200);
  expect(good.headers.get("x-request-id")).toMatch(/^req-/);
});

test("a client that goes away frees its slot, streaming or not, running or queued", async () => {
  await using server = await startServer({ args: ["--engine", "fake?stepMs=5", "--parallel", "1"] });
  const running = await startStream(server);
  await poll(() => (running.received().includes("data:") ? true : undefined));
  const queued = await startStream(server, { stream: false });
  const queuedStream = await startStream(server);
  await new Promise((wake) => setTimeout(wake, 100));
  for (const client of [queued, queuedStream, running]) client.hangUp();
  const begin = performance.now();
  const next = await post(server, "/v1/completions", ask({ stream: false, max_tokens: 2 }));
  expect(next.status).toBe(200);
  expect(performance.now() - begin).toBeLessThan(1000); // 400 tokens would take 2 s each
});

test("a client that goes away during its prefill frees its slot within that step", async () => {
  // 512 tokens are one step, here of half a second; the prompt would take four
  await using server = await startServer({ args: ["--engine", "fake?prefillUsPerToken=1000", "--parallel", "1"] });
  const prefill = await startStream(server, { prompt: Array.from({ length: 2000 }, () => 300) });
  await new Promise((wake) => setTimeout(wake, 300));
  prefill.hangUp();
  const begin = performance.now();
  expect((await post(server, "/v1/completions", ask({ stream: false, max_tokens: 1 }))).status).toBe(200);
  expect(performance.now() - begin).toBeLessThan(1200);
});

test("kill -9 of the server leaves no orphan after 2 s", async () => {
  await using server = await startServer({ args: ["--model", await testModel("smollm2")] });
  const stream = await startStream(server);
  await poll(() => (stream.received().includes("data:") ? true : undefined));
  const children = descendants(server.process.pid!);
  expect(children.length).toBeGreaterThan(0);
  server.process.kill("SIGKILL");
  await server.exited();
  await new Promise((wake) => setTimeout(wake, 2000));
  expect(children.filter(isAlive)).toEqual([]);
});

test("kill -9 of the engine: its streams go on after a pause, and say so in the log", async () => {
  await using server = await startServer({ args: ["--model", await testModel("smollm2")] });
  const stream = await startStream(server, { max_tokens: 200, stream_options: { include_usage: true } });
  const whole = post(server, "/v1/completions", ask({ stream: false, max_tokens: 200 }));
  await poll(() => (stream.received().split("data:").length > 40 ? true : undefined));
  process.kill(descendants(server.process.pid!)[0]!, "SIGKILL");
  await poll(() => (stream.received().includes("[DONE]") ? true : undefined));
  expect(stream.received()).not.toContain('"error"');
  expect(stream.received()).toMatch(/"completion_tokens":200/);
  const ids = new Set(stream.received().match(/"id":"[^"]+"/g));
  expect(ids.size).toBe(1);
  expect(await whole).toMatchObject({ status: 200, body: { usage: { completion_tokens: 200 } } });
  expect(server.output()).toMatch(/resumes\W+1/);
});

test.each(["SIGSEGV", "SIGABRT"] as const)("%s of the engine: the text is what it would have been", async (signal) => {
  await using server = await startServer({ args: ["--engine", "fake?stepMs=5"] });
  const body = (stream: boolean) => ask({ stream, max_tokens: 200, seed: 5, prompt: "tell me" });
  const first = (await post(server, "/v1/completions", body(false))).body as { choices?: { text: string }[] };
  const stream = await startStream(server, { max_tokens: 200, seed: 5, prompt: "tell me" });
  await poll(() => (stream.received().split("data:").length > 40 ? true : undefined));
  process.kill(descendants(server.process.pid!)[0]!, signal);
  await poll(() => (stream.received().includes("[DONE]") ? true : undefined));
  const texts = [...stream.received().matchAll(/^data: (\{.*\})$/gm)].map(
    ([, json]) => (JSON.parse(json!) as { choices: { text?: string }[] }).choices[0]?.text ?? "",
  );
  expect(texts.join("")).toBe(first.choices![0]!.text);
});

test("Ctrl-C ends the server while it loads, while it generates, and at once when pressed twice", async () => {
  await using loading = await startServer({ args: ["--engine", "fake?loadMs=20000"], early: true });
  loading.process.kill("SIGINT");
  await loading.exited();

  await using busy = await startServer({ args: ["--engine", "fake?stepMs=5"] });
  const stream = await startStream(busy, { max_tokens: 100 });
  await poll(() => (stream.received().includes("data:") ? true : undefined));
  busy.process.kill("SIGINT");
  expect(await busy.exited()).toEqual({ code: 0, signal: null });
  expect(stream.received()).toContain("[DONE]"); // it was allowed to finish

  await using twice = await startServer({ args: ["--engine", "fake?stepMs=50"] });
  const endless = await startStream(twice);
  await poll(() => (endless.received().includes("data:") ? true : undefined));
  const children = descendants(twice.process.pid!);
  twice.process.kill("SIGINT");
  await new Promise((wake) => setTimeout(wake, 200));
  const begin = performance.now();
  twice.process.kill("SIGINT");
  expect((await twice.exited()).code).toBe(130);
  expect(performance.now() - begin).toBeLessThan(1500);
  await poll(() => (children.some(isAlive) ? undefined : true));
});

test("run streams an answer to stdout, also with the prompt from stdin", async () => {
  expect(millrace("run", "--engine", "fake", "--seed", "1", "hello").stdout.trim().length).toBeGreaterThan(0);
  const child = spawn(process.execPath, [program, "run", "--model", await testModel("smollm2"), "--max-tokens", "8"]);
  child.stdin.end("The capital of France is");
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  const [code] = (await once(child, "exit")) as [number];
  expect(code).toBe(0);
  expect(stdout.trim().length).toBeGreaterThan(0);
});
