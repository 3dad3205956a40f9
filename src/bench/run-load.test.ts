import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { summarizeLoad } from "./load-summary.ts";
import { runLoad, type LoadOptions } from "./run-load.ts";
import { workloadOf, type Workload } from "./workload.ts";

interface Asked {
  readonly path: string;
  readonly body: {
    readonly prompt?: readonly number[];
    readonly messages?: readonly { readonly role: string; readonly content: string }[];
    readonly max_tokens: number;
  };
}

type Behaviour = (asked: Asked, response: ServerResponse, request: IncomingMessage) => void;

/** A server on a free port that does as it is told; it closes itself at the end of the scope. */
async function aServer(behaviour: Behaviour) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const one = { path: request.url!, body: JSON.parse(body) as Asked["body"] };
      asked.push(one);
      behaviour(one, response, request);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    endpoint: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, model: "m" },
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const chunk = (said: string) => event({ choices: [{ text: said, finish_reason: null }] });
const usage = (completion: number) =>
  event({
    choices: [],
    usage: { prompt_tokens: 10, completion_tokens: completion, prompt_tokens_details: { cached_tokens: 4 } },
  });
const end = (tokens: number) =>
  event({ choices: [{ text: "", finish_reason: "length" }] }) + usage(tokens) + "data: [DONE]\n\n";

const good: Behaviour = ({ body }, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (let i = 0; i < body.max_tokens; i++) response.write(chunk(` w${i}`));
  response.end(end(body.max_tokens));
};

const shape = { promptTokens: 10, sharedTokens: 0, prefixes: 1, outputTokens: 4, turns: 3 };
const unique: Workload = workloadOf("unique", shape, { seed: 1, vocabulary: { low: 10, high: 1000 } });

async function load(behaviour: Behaviour, over: Partial<LoadOptions> = {}) {
  await using server = await aServer(behaviour);
  const options: LoadOptions = {
    endpoint: server.endpoint,
    workload: unique,
    load: { kind: "closed", concurrency: 3 },
    requests: 12,
    ...over,
  };
  const result = await runLoad(options);
  return { result, summary: summarizeLoad(result), asked: server.asked };
}

test("closed loop: as many requests as asked for, by so many clients, each counted by the server's usage", async () => {
  const { result, summary, asked } = await load(good);
  expect(summary).toMatchObject({ completed: 12, failed: 0, errors: {}, inputTokens: 120, outputTokens: 48 });
  expect(summary).toMatchObject({ maxConcurrent: 3, cachedShare: 0.4, reconnects: 0 });
  expect(result.samples.every(({ chunksAt, e2e }) => chunksAt.length === 4 && e2e >= chunksAt[3]!)).toBe(true);
  expect(asked[0]).toMatchObject({
    path: "/v1/completions",
    body: { model: "m", max_tokens: 4, temperature: 0, ignore_eos: true, stream: true },
  });
  expect(new Set(asked.map(({ body }) => body.prompt![0])).size).toBe(12);
});

test("warm-up requests are others and are not counted", async () => {
  const { summary, asked } = await load(good, { warmup: 5 });
  expect(summary.completed).toBe(12);
  expect(asked.length).toBe(17);
  expect(new Set(asked.map(({ body }) => body.prompt![0])).size).toBe(17);
});

test("open loop: sends by the clock, whatever still runs", async () => {
  const waiting: (() => void)[] = [];
  const all: Behaviour = (asked, response, request) => {
    waiting.push(() => good(asked, response, request));
    if (waiting.length === 12) for (const answer of waiting) answer(); // in a closed loop none would come
  };
  const arrivals = { kind: "open", rate: 500, burstiness: 1, seed: 1 } as const;
  const { result, summary } = await load(all, { load: arrivals });
  expect(summary).toMatchObject({ completed: 12, failed: 0, maxConcurrent: 12 });
  expect(result.lags.length).toBe(12);
  expect(result.lags.every((lag) => lag > -2)).toBe(true);
});

test("a chat goes on with what was answered", async () => {
  const talk: Behaviour = ({ body }, response) => {
    response.writeHead(200);
    response.write(event({ choices: [{ delta: { role: "assistant", content: "" } }] }));
    response.write(event({ choices: [{ delta: { content: "so" } }] }));
    response.write(event({ choices: [{ delta: { content: " what" }, finish_reason: "length" }] }));
    response.end(usage(body.max_tokens) + "data: [DONE]\n\n");
  };
  const chat = workloadOf("chat", { ...shape, sharedTokens: 5 }, { seed: 1, vocabulary: undefined });
  const { result, asked } = await load(talk, { workload: chat, load: { kind: "closed", concurrency: 1 }, requests: 5 });
  const roles = asked.map(({ body }) => body.messages!.map(({ role }) => role.slice(0, 1)).join(""));
  expect(roles).toEqual(["su", "suau", "suauau", "su", "suau"]);
  expect(asked[1]).toMatchObject({ path: "/v1/chat/completions" });
  expect(asked[1]!.body.messages![2]).toEqual({ role: "assistant", content: "so what" });
  expect(result.samples[0]!.chunksAt.length).toBe(2);
});

const misbehaviours: Record<string, Behaviour> = {
  "HTTP 429 queue_full": (_, response) => {
    response.writeHead(429, { "content-type": "application/json" });
    response.end('{"error": {"code": "queue_full", "type": "rate_limit_error"}}');
  },
  "HTTP 502": (_, response) => void response.writeHead(502).end("<html>bad gateway</html>"),
  "connection reset": (_, response) => void response.destroy(),
  "broken stream": (_, response) => {
    response.writeHead(200);
    response.write(chunk(" w"), () => setTimeout(() => response.destroy(), 5));
  },
  "error in stream engine_failed": (_, response) => {
    response.writeHead(200);
    response.end(chunk(" w") + event({ error: { code: "engine_failed", message: "killed" } }));
  },
  "wrong number of tokens": ({ body }, response) => {
    response.writeHead(200);
    response.end(chunk(" w") + end(body.max_tokens - 1));
  },
};

test.each(Object.keys(misbehaviours))("counts %s", async (kind) => {
  let count = 0;
  const third: Behaviour = (asked, response, request) =>
    (count++ % 3 === 0 ? misbehaviours[kind]! : good)(asked, response, request);
  // Without kept connections: on a new one a reset is a failure, and not sent again.
  const fresh: Behaviour = (asked, response, request) => {
    response.setHeader("connection", "close");
    third(asked, response, request);
  };
  const { summary } = await load(fresh, { load: { kind: "closed", concurrency: 1 }, requests: 7 });
  expect(summary).toMatchObject({ completed: 4, failed: 3, errors: { [kind]: 3 }, outputTokens: 16 });
});

test("other ends of a stream: garbage, no end, an end without [DONE]", async () => {
  const answers = [`${chunk(" w")}data: {oops\n\n`, chunk(" w"), chunk(" w") + usage(4)];
  for (const body of answers) {
    const { summary } = await load((_, response) => void response.writeHead(200).end(body), { requests: 1 });
    expect(summary.errors).toEqual({ "broken stream": 1 });
  }
  const brief = event({ choices: [{ text: " w", finish_reason: "length" }], usage: null });
  const { result } = await load((_, response) => void response.writeHead(200).end(brief), { requests: 1 });
  expect(result.samples).toMatchObject([{ problem: undefined, completionTokens: 1, promptTokens: 0 }]);
});

test("a kept connection that the server closed is no failure, and is counted", async () => {
  const used = new WeakSet<object>();
  const once: Behaviour = (asked, response, request) => {
    if (used.has(request.socket)) request.socket.resetAndDestroy();
    else good(asked, response, request);
    used.add(request.socket);
  };
  const { summary } = await load(once, { load: { kind: "closed", concurrency: 1 }, requests: 6 });
  expect(summary).toMatchObject({ completed: 6, failed: 0, reconnects: 3 });
});

test("a server that is not there, and one that never answers", async () => {
  const gone = await aServer(good);
  await gone[Symbol.asyncDispose]();
  expect((await load(good, { endpoint: gone.endpoint, requests: 3 })).summary.errors).toEqual({
    "connection refused": 3,
  });
  expect((await load(() => {}, { requests: 3, timeoutMs: 30 })).summary.errors).toEqual({ timeout: 3 });
});

test("an answer of another length is right where the model may end it", async () => {
  const brief: Behaviour = (_, response) => void response.writeHead(200).end(chunk(" w") + end(1));
  const { summary, asked } = await load(brief, { exactLength: false, requests: 2 });
  expect(summary).toMatchObject({ completed: 2, outputTokens: 2 });
  expect(asked[0]!.body).not.toHaveProperty("ignore_eos");
});

test("given up, it tells what was measured until then", async () => {
  const controller = new AbortController();
  let count = 0;
  const stuck: Behaviour = (asked, response, request) => {
    count++;
    if (count <= 4) good(asked, response, request);
    else controller.abort();
  };
  const { summary } = await load(stuck, { signal: controller.signal, load: { kind: "closed", concurrency: 1 } });
  expect(summary).toMatchObject({ completed: 4, failed: 0 });
});

test("sends nothing after its time", async () => {
  const { summary } = await load(good, { requests: Infinity, durationMs: 50 });
  expect(summary.completed).toBeGreaterThan(0);
  const arrivals = { kind: "open", rate: 0.001, burstiness: 1, seed: 1 } as const;
  expect((await load(good, { load: arrivals, durationMs: 20 })).summary.completed).toBe(1);
});
