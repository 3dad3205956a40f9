import { Agent, get, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { failure } from "../core/errors.ts";
import type { GenerationEvent } from "../core/generation.ts";
import { eventually, keepsTalking, says, startServer, type TestServer } from "./testing.ts";

const ask = (it: TestServer, over: object = {}) =>
  fetch(`${it.url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: "a", stream: true, ...over }),
  });

/** Five times "a", in 300 ms. */
async function* slowly(): AsyncGenerator<GenerationEvent> {
  yield { type: "admitted", promptTokens: [1] };
  for (let i = 0; i < 5; i++) {
    await sleep(60);
    yield { type: "text-delta", text: "a", tokens: [7] };
  }
  yield { type: "finished", reason: "stop", usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 5 } };
}

const probe = async (it: TestServer, path: string) => {
  const answer = await fetch(it.url + path);
  return { status: answer.status, body: (await answer.json()) as object, headers: answer.headers };
};

test("probes: alive whatever the model does, ready when it can serve, else every reason", async () => {
  await using it = await startServer();
  for (const path of ["/readyz", "/healthz"])
    expect(await probe(it, path)).toMatchObject({ status: 200, body: { status: "ready" } });
  it.backend.currentStatus = { state: "loading", progress: 0.4167 };
  expect(await probe(it, "/readyz")).toMatchObject({
    status: 503,
    body: { status: "not_ready", reasons: [{ model: "scripted", state: "loading", progress: 0.42 }] },
  });
  const error = failure("engine_unavailable", { problem: "it died" }).toBody();
  it.backend.currentStatus = { state: "degraded", error };
  const { status, body, headers } = await probe(it, "/healthz");
  expect([status, headers.get("retry-after")]).toEqual([503, "1"]);
  expect(body).toEqual({
    status: "not_ready",
    reasons: [{ model: "scripted", state: "degraded", code: error.code, message: error.message }],
  });
  expect(await probe(it, "/livez")).toMatchObject({ status: 200, body: { status: "ok" } });
});

test("while it drains: alive, not ready, no new work, and what runs ends as it would have", async () => {
  await using it = await startServer(slowly, { drainTimeout: 10 });
  const running = await ask(it);
  const closing = it.server.close();
  await eventually(() => it.log.some(({ msg }) => String(msg).startsWith("draining")));
  expect(await probe(it, "/livez")).toMatchObject({ status: 200 });
  expect(await probe(it, "/readyz")).toMatchObject({ status: 503, body: { reasons: [{ state: "draining" }] } });
  expect(await probe(it, "/health")).toMatchObject({ status: 503, body: { error: { code: "shutting_down" } } });
  const refused = await ask(it);
  expect([refused.status, refused.headers.get("retry-after"), refused.headers.get("connection")]).toEqual([
    503,
    "1",
    "close",
  ]);
  expect(await refused.json()).toMatchObject({ error: { code: "shutting_down" } });
  const text = await running.text();
  expect(text.match(/"text":"a"/g)).toHaveLength(5);
  expect(text).toMatch(/data: \[DONE\]\n\n$/);
  await closing;
  await expect(fetch(`${it.url}/livez`)).rejects.toThrow(/fetch failed/);
});

test("what outlasts the drain time ends with an error, also what is not answered at all; their number is told", async () => {
  const cutOff: number[] = [];
  await using it = await startServer(keepsTalking("a", 10), {
    drainTimeout: 0.1,
    onCutOff: (requests) => cutOff.push(requests),
  });
  const streams = await Promise.all([ask(it), ask(it)]);
  const whole = ask(it, { stream: false });
  await eventually(() => it.backend.requests.length === 3);
  await it.server.close();
  expect(cutOff).toEqual([3]);
  for (const stream of streams) {
    const events = (await stream.text()).trimEnd().split("\n\n");
    expect(events.at(-1)).toMatch(/^data: \{"error":.*"shutting_down"/);
  }
  expect((await whole).status).toBe(503);
  expect(it.log.map(({ msg }) => msg)).toContain("the drain time is over: requests are ended");
});

test("a kept connection learns that it is not kept, and is closed in the end", async () => {
  await using it = await startServer(slowly, { drainTimeout: 10 });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const health = async () => {
    const [answer] = (await once(get(`${it.url}/health`, { agent }), "response")) as [IncomingMessage];
    const { socket, statusCode, headers } = answer; // it is let go of at the answer's end
    await answer.resume().toArray();
    return { socket, statusCode, headers };
  };
  const { socket } = await health();
  const running = await ask(it);
  const closing = it.server.close();
  await eventually(() => it.log.some(({ msg }) => String(msg).startsWith("draining")));
  const last = await health(); // on the same connection: it was not torn down under the client
  expect([last.statusCode, last.headers.connection, last.socket === socket]).toEqual([503, "close", true]);
  await running.text();
  await closing;
  await eventually(() => socket.destroyed);
  agent.destroy();
});

test("nothing to wait for: it ends at once, whatever the drain time", async () => {
  await using it = await startServer(says("a"), { drainTimeout: 86_400 });
  expect(await (await ask(it)).text()).toContain("[DONE]");
  await it.server.close();
});
