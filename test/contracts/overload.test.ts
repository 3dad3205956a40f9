import { expect, test, vi } from "vitest";
import { apiKey } from "../../src/config/api-keys.ts";
import { defaultPlan } from "../../src/core/execution-plan.ts";
import { defaultScheduling, type Scheduling } from "../../src/core/scheduling.ts";
import { EngineHost } from "../../src/host/engine-host.ts";
import { askAndLookAway, serve, type Over } from "../../src/http/testing.ts";
import { hostLog } from "./host/hosts.ts";

// More requests than the server can serve, over HTTP and with an engine process: what is refused, and what is said.

interface Overloaded {
  readonly engine?: string;
  readonly slots?: number;
  readonly context?: number;
  /** In every chunk of a stream. */
  readonly modelId?: string;
  readonly scheduling?: Partial<Scheduling>;
  readonly server?: Over;
}

async function overload({
  engine = "fake?stepMs=20",
  slots = 1,
  context = 2048,
  modelId = "fake",
  scheduling = {},
  server = {},
}: Overloaded) {
  const host = EngineHost.start(
    { engine, plan: { ...defaultPlan("fake-model", 2), slots, contextPerSlot: context } },
    { modelId, scheduling: { ...defaultScheduling, ...scheduling }, logger: hostLog },
  );
  await host.ready();
  const served = await serve(host, server);
  const ask = (body: object, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${served.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ prompt: "once upon a time", ignore_eos: true, ...body }),
      ...(signal !== undefined && { signal }),
    });
  const close = async () => {
    await served[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
  };
  return { ask, port: served.port, log: served.log, [Symbol.asyncDispose]: close };
}

interface Failure {
  readonly error: { readonly code: string; readonly type: string; readonly message: string };
}

/** Asks until the answer has `status`: what was asked before is on its way to the queue. */
async function untilStatus(status: number, ask: () => Promise<Response>): Promise<Response> {
  return await vi.waitUntil(
    async () => {
      const answer = await ask();
      if (answer.status === status) return answer;
      await answer.text();
      return undefined;
    },
    { timeout: 20_000, interval: 20 },
  );
}

test("beyond slots and queue: 429 that says why and when to try again; then it is served", async () => {
  await using it = await overload({ scheduling: { maxQueuedRequests: 2 } });
  const leave = new AbortController();
  const busy = [1, 2, 3].map(() => it.ask({ max_tokens: 1500, stream: true }, {}, leave.signal).catch(() => {}));
  const refused = await untilStatus(429, () => it.ask({ max_tokens: 1 }));
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  const { error } = (await refused.json()) as Failure;
  expect(error).toMatchObject({ code: "queue_full", type: "rate_limit_error" });
  expect(error.message).toMatch(/^2 requests wait already \(the limit is 2\); try again in [\d.]+ s$/);
  leave.abort();
  await Promise.all(busy);
  const served = await untilStatus(200, () => it.ask({ max_tokens: 1 }));
  expect(await served.json()).toMatchObject({ usage: { completion_tokens: 1 } });
});

test("beyond the queue's tokens: 429 of its own", async () => {
  await using it = await overload({ scheduling: { maxQueuedTokens: 40 } });
  const leave = new AbortController();
  const prompt = Array.from({ length: 30 }, (_, token) => token + 1);
  const busy = [1, 2].map(() => it.ask({ prompt, max_tokens: 1500, stream: true }, {}, leave.signal).catch(() => {}));
  const refused = await untilStatus(429, () => it.ask({ prompt, max_tokens: 1 }));
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  expect(((await refused.json()) as Failure).error).toMatchObject({ code: "queued_tokens_full" });
  leave.abort();
  await Promise.all(busy);
});

test("a timeout ends a request that runs, and one that waits", async () => {
  await using it = await overload({});
  const running = it.ask({ max_tokens: 1500, timeout: 1 });
  const answer = await running;
  expect(answer.status).toBe(504);
  const { error } = (await answer.json()) as Failure;
  expect(error).toMatchObject({
    code: "deadline_exceeded",
    message: "the request was not finished within its timeout of 1 s",
  });
  const waiting = [it.ask({ max_tokens: 30 }), it.ask({ max_tokens: 5, timeout: 0.2 })];
  expect(await Promise.all(waiting.map(async (one) => (await one).status))).toEqual([200, 504]);
  const streamed = await (await it.ask({ max_tokens: 1500, stream: true }, { "x-request-timeout": "1" })).text();
  expect(streamed).toContain('"code":"deadline_exceeded"');
  expect(streamed).not.toContain("[DONE]");
});

test("a client that does not read slows nobody, and is cut off", async () => {
  await using it = await overload({
    engine: "fake",
    slots: 4,
    context: 8192,
    modelId: `fake-${"x".repeat(2000)}`,
    server: { slowClientTimeout: 0.5 },
  });
  const body = { prompt: "once", ignore_eos: true, max_tokens: 8000, stream: true };
  const socket = await askAndLookAway(it.port, body);
  let closed = false;
  socket.once("close", () => (closed = true));
  for (const _ of [1, 2, 3]) {
    const others = await Promise.all([1, 2, 3].map(async () => (await it.ask({ max_tokens: 500 })).json()));
    for (const other of others) expect(other).toMatchObject({ usage: { completion_tokens: 500 } });
  }
  await vi.waitUntil(() => it.log.some(({ error }) => error === "slow_client"), 30_000);
  let received = "";
  socket
    .setEncoding("utf8")
    .on("data", (text: string) => (received += text))
    .resume();
  await vi.waitUntil(() => closed, 10_000);
  expect(received).toContain("data: ");
  expect(received).not.toContain("[DONE]");
  // its slot is free again
  expect((await Promise.all([1, 2, 3, 4].map(() => it.ask({ max_tokens: 5 })))).map(({ status }) => status)).toEqual([
    200, 200, 200, 200,
  ]);
});

test("keys are tenants: what one has cached is not counted for another", async () => {
  const apiKeys = [apiKey({ key: "ann" }), apiKey({ key: "bob" }), apiKey({ key: "night", lane: "batch" })];
  await using it = await overload({ engine: "fake", slots: 4, server: { apiKeys } });
  const prompt = Array.from({ length: 300 }, (_, token) => token + 1);
  const cachedFor = async (key: string) => {
    const answer = (await (await it.ask({ prompt, max_tokens: 1 }, { "x-api-key": key })).json()) as {
      usage: { prompt_tokens_details: { cached_tokens: number } };
    };
    return answer.usage.prompt_tokens_details.cached_tokens;
  };
  expect(await cachedFor("ann")).toBe(0);
  expect(await cachedFor("ann")).toBe(299);
  expect(await cachedFor("bob")).toBe(0);
  const refused = await it.ask({ priority: "interactive" }, { "x-api-key": "night" });
  expect([refused.status, ((await refused.json()) as Failure).error.code]).toEqual([400, "invalid_value"]);
});
