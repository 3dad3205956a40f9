import { once } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { failure } from "../core/errors.ts";
import { eventually, fails, keepsTalking, says, startServer, thinks } from "./testing.ts";

const chat = { messages: [{ role: "user", content: "hi" }] };

function head(path: string, body: string | Buffer, more = ""): string {
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${more}\r\n`;
}

/** A raw connection that keeps what it received. */
async function dial(port: number): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(port, "127.0.0.1");
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => (received += text));
  socket.on("error", () => {});
  await once(socket, "connect");
  return { socket, received: () => received };
}

async function send(port: number, path: string, payload: object) {
  const connection = await dial(port);
  const body = JSON.stringify(payload);
  connection.socket.write(head(path, body) + body);
  return connection;
}

test("a stream is events, one per text, with the head that proxies need", async () => {
  await using it = await startServer(says("Hel", "", "lo\n\u2028"));
  const answer = await fetch(`${it.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...chat, stream: true, stream_options: { include_usage: true } }),
  });
  expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(answer.headers.get("cache-control")).toBe("no-cache");
  expect(answer.headers.get("x-accel-buffering")).toBe("no");
  expect(answer.headers.get("x-request-id")).toMatch(/^req-/);
  const events = (await answer.text()).split("\n\n");
  expect(events.splice(-2)).toEqual(["data: [DONE]", ""]);
  const chunks = events.map((event) => JSON.parse(event.replace(/^data: /, "")) as Record<string, unknown>);
  expect(chunks.map((chunk) => [chunk["choices"], chunk["usage"]])).toEqual([
    [[expect.objectContaining({ delta: { role: "assistant", content: "", refusal: null } })], null],
    [[expect.objectContaining({ delta: { content: "Hel" }, finish_reason: null })], null],
    [[expect.objectContaining({ delta: { content: "lo\n\u2028" } })], null],
    [[expect.objectContaining({ delta: {}, finish_reason: "stop" })], null],
    [[], { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6, prompt_tokens_details: { cached_tokens: 0 } }],
  ]);
});

test("the first event sends the head, though it says nothing itself", async () => {
  await using it = await startServer(keepsTalking("a", 60_000));
  const { socket, received } = await send(it.port, "/v1/completions", { prompt: "a", stream: true });
  await eventually(() => received().includes("\r\n\r\n"));
  expect(received()).toMatch(/^HTTP\/1.1 200/);
  socket.destroy();
});

test("an error after the first event is an event, then the end without [DONE]", async () => {
  const error = failure("engine_failed", { problem: "killed by SIGKILL" });
  await using it = await startServer(fails(error, "Hello"));
  const { received } = await send(it.port, "/v1/chat/completions", { ...chat, stream: true });
  await eventually(() => received().endsWith("0\r\n\r\n"));
  const last = received().split("data: ").at(-1)!.split("\n\n")[0]!;
  expect(JSON.parse(last)).toEqual({
    error: { message: error.message, type: "server_error", param: null, code: "engine_failed" },
  });
  expect(received()).not.toContain("[DONE]");
  await eventually(() => it.log.length === 1);
  expect(it.log).toMatchObject([{ level: "error", status: 200, error: "engine_failed", completionTokens: 1 }]);
});

test.each([
  ["streaming", { stream: true }, keepsTalking("a", 20), 1],
  ["streaming, before the first event", { stream: true }, thinks(), 0],
  ["not streaming", { stream: false }, keepsTalking("a", 20), 1],
])("a client that leaves ends its request: %s", async (_name, ...[over, script, atLeast]) => {
  await using it = await startServer(script);
  const { socket } = await send(it.port, "/v1/chat/completions", { ...chat, ...over });
  await eventually(() => it.backend.signals.length === 1 && it.backend.pulled >= atLeast);
  expect(it.backend.signals[0]!.aborted).toBe(false);
  const left = performance.now();
  socket.destroy();
  await eventually(() => it.backend.signals[0]!.aborted);
  expect(performance.now() - left).toBeLessThan(500);
  await eventually(() => it.log.length === 1);
  expect(it.log).toMatchObject([{ level: "info", status: 499 }]);
});

test("a client that stays is never taken for gone", async () => {
  await using it = await startServer();
  for (const stream of [true, false]) {
    const { received } = await send(it.port, "/v1/chat/completions", { ...chat, stream });
    await eventually(() => received().includes("world"));
  }
  await eventually(() => it.log.length === 2);
  expect(it.backend.signals.map((signal) => signal.aborted)).toEqual([false, false]);
});

test("a slow reader pauses its own stream, and gets all of it when it reads on", async () => {
  const total = 20_000;
  await using it = await startServer(says(...Array.from({ length: total }, () => "x".repeat(1000))));
  const { socket, received } = await send(it.port, "/v1/completions", { prompt: "a", stream: true });
  socket.pause();
  let before = -1;
  await eventually(() => it.backend.pulled > 0);
  while (it.backend.pulled !== before) {
    before = it.backend.pulled;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(before).toBeLessThan(total / 2); // what the kernel's buffers take, and little of ours
  socket.resume();
  await eventually(() => received().endsWith("0\r\n\r\n"), 10_000);
  expect(received().match(/x{1000}/g)).toHaveLength(total);
}, 20_000);

test("a client that leaves while it does not read is noticed", async () => {
  await using it = await startServer(keepsTalking("x".repeat(1000), 0));
  const { socket } = await send(it.port, "/v1/completions", { prompt: "a", stream: true });
  socket.pause();
  let before = -1;
  while (it.backend.pulled !== before) {
    before = it.backend.pulled;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  socket.destroy();
  await eventually(() => it.backend.signals[0]!.aborted);
  await eventually(() => it.log.length === 1);
}, 20_000);

test.each([
  ["no HTTP at all", "hello\r\n\r\n", 400, "malformed_request"],
  [
    "a broken chunk",
    `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n`,
    400,
    "malformed_request",
  ],
  [
    "headers of 100 KB",
    `GET /health HTTP/1.1\r\nhost: localhost\r\na: ${"b".repeat(100_000)}\r\n\r\n`,
    431,
    "headers_too_large",
  ],
])("%s is answered and ends only its own connection", async (_name, ...[bytes, status, code]) => {
  await using it = await startServer();
  const { socket, received } = await dial(it.port);
  socket.write(bytes);
  await once(socket, "close");
  expect(received()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(received()).toContain(`"code":"${code}"`);
  expect((await fetch(`${it.url}/health`)).status).toBe(200);
});

test("a body that breaks off reaches no backend", async () => {
  await using it = await startServer();
  const { socket } = await dial(it.port);
  socket.write(head("/v1/completions", "x".repeat(100)) + '{"prompt":');
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.destroy();
  await eventually(() => it.log.length === 1);
  expect(it.log).toMatchObject([{ level: "info", status: 499 }]);
  expect(it.backend.requests).toEqual([]);
});

test("one connection serves many requests", async () => {
  await using it = await startServer();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  for (let round = 0; round < 5; round++) {
    const body = JSON.stringify({ ...chat, stream: round % 2 === 0 });
    const headers = { "content-type": "application/json" };
    const asking = request(`${it.url}/v1/chat/completions`, { agent, method: "POST", headers });
    asking.end(body);
    const [answer] = (await once(asking, "response")) as [IncomingMessage];
    ports.add(answer.socket.localPort);
    expect(answer.headers["keep-alive"]).toBe("timeout=75");
    await answer.resume().toArray();
  }
  expect(ports.size).toBe(1);
  agent.destroy();
});

test("close lets a stream finish, then ends its connection; idle ones end at once", async () => {
  await using it = await startServer(
    async function* () {
      yield { type: "admitted", promptTokens: [1] };
      await new Promise((resolve) => setTimeout(resolve, 300));
      yield { type: "finished", reason: "stop", usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 0 } };
    },
    { drainTimeout: 10 },
  );
  const idle = await dial(it.port);
  idle.socket.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await eventually(() => idle.received().includes("ok"));
  const silent = await dial(it.port);
  const busy = await send(it.port, "/v1/completions", { prompt: "a", stream: true });
  await eventually(() => busy.received().includes("200 OK"));
  const begun = performance.now();
  await it.server.close();
  expect(performance.now() - begun).toBeLessThan(3000);
  expect(busy.received()).toContain("[DONE]");
  await eventually(() => [idle, silent, busy].every(({ socket }) => socket.destroyed));
});

test("close ends what outlasts the drain time with an error, and refuses what comes meanwhile", async () => {
  await using it = await startServer(keepsTalking("a", 10), { drainTimeout: 0.3 });
  const stream = await send(it.port, "/v1/completions", { prompt: "a", stream: true });
  const body = JSON.stringify({ prompt: "a" });
  const late = await dial(it.port);
  late.socket.write(head("/v1/completions", body).slice(0, 60)); // under way, so not idle
  await eventually(() => stream.received().includes("data:"));
  const closing = it.server.close();
  late.socket.write(head("/v1/completions", body).slice(60) + body);
  await eventually(() => late.received().includes("shutting_down"));
  expect(late.received()).toMatch(/^HTTP\/1.1 503/);
  expect(late.received()).toMatch(/retry-after: 1/i);
  await closing;
  expect(stream.received()).toContain('"code":"shutting_down"');
  expect(stream.received()).not.toContain("[DONE]");
});

test("close does not wait for a client that never reads", async () => {
  await using it = await startServer(keepsTalking("x".repeat(1000), 0), { drainTimeout: 0 });
  const { socket } = await send(it.port, "/v1/completions", { prompt: "a", stream: true });
  socket.pause();
  await eventually(() => it.backend.pulled > 100);
  const begun = performance.now();
  await it.server.close();
  expect(performance.now() - begun).toBeLessThan(4000);
});
