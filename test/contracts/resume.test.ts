import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { parseJsonSchema } from "../../src/api/constraints/json-schema.ts";
import type { GenerationEvent, GenerationRequest } from "../../src/core/generation.ts";
import type { EngineHost } from "../../src/host/engine-host.ts";
import { someSampling } from "../../src/inference/testing.ts";
import { aRequest, collect, collectAll, never, readyHost, startHost, type Collected } from "./host/hosts.ts";

const onLinux = process.platform === "linux";

const manyNumbers = parseJsonSchema(
  {
    type: "array",
    items: {
      type: "object",
      properties: { "the first of two numbers": { type: "integer" } },
      required: ["the first of two numbers"],
    },
    minItems: 100,
  },
  "schema",
);

/** Requests of every kind: what one engine says to them is what they must get, whatever happens to it. */
const kinds: readonly Partial<GenerationRequest>[] = [
  {},
  { sampling: someSampling({ seed: 7 }), prompt: { kind: "text", text: "a tale" } },
  { sampling: someSampling({ seed: 8, topK: 40, topP: 0.9 }), prompt: { kind: "text", text: "two tales" } },
  {
    sampling: someSampling({ seed: 9, repeatPenalty: 1.3, frequencyPenalty: 0.5, presencePenalty: 0.5 }),
    prompt: { kind: "chat", messages: [{ role: "user", content: "hello there" }] },
  },
  { stop: ["never said", "the"], sampling: someSampling({ seed: 10 }) },
  { prompt: { kind: "text", text: "x ".repeat(800) }, maxTokens: 30 },
  { ignoreEos: false, sampling: someSampling({ seed: 11 }), maxTokens: undefined },
  { choice: 3, logprobs: 3, stop: ["never said", "the ox"], sampling: someSampling({ seed: 12 }) },
  { constraint: manyNumbers, ignoreEos: false, sampling: someSampling({ seed: 13 }) },
  { timeoutMs: 60_000, maxTokens: 60, prompt: { kind: "tokens", ids: [300, 301, 302] } },
];

const requestsOf = (): GenerationRequest[] => kinds.map((kind) => aRequest({ maxTokens: 120, ...kind }));

const ask = (host: EngineHost, request: GenerationRequest) => collectAll(host.generate(request, never));

async function uninterrupted(requests: readonly GenerationRequest[]): Promise<Collected[]> {
  await using host = await readyHost("fake");
  return await Promise.all(requests.map((request) => ask(host, { ...request, id: `whole-${request.id}` })));
}

/** The same but for what depends on how often it was computed. */
const comparable = ({ text, tokens, logprobs, admitted, usage }: Collected) => ({
  text,
  tokens,
  logprobs,
  admitted,
  usage: { ...usage, cachedTokens: 0 },
});

test("killed again and again, every stream says what it says uninterrupted, once", async () => {
  const requests = requestsOf();
  const expected = await uninterrupted(requests);
  await using host = await readyHost("fake?stepMs=4");
  const answers = Promise.all(requests.map((request) => ask(host, request)));
  for (const pause of [0, 150, 300]) {
    await vi.waitUntil(() => host.status().state === "ready", 10_000);
    await sleep(pause);
    process.kill(host.pid!, "SIGKILL");
    await vi.waitUntil(() => host.status().state !== "ready", 10_000);
  }
  const got = await answers;
  expect(got.map(comparable)).toEqual(expected.map(comparable));
  expect(Math.max(...got.map(({ resumes }) => resumes))).toBeGreaterThanOrEqual(2);
});

test.each(["SIGSEGV", "SIGABRT", "SIGBUS"] as const)("%s, with suspects that are all innocent", async (signal) => {
  const requests = requestsOf();
  const expected = await uninterrupted(requests);
  await using host = await readyHost("fake?stepMs=4");
  const answers = Promise.all(requests.map((request) => ask(host, request)));
  await sleep(200);
  process.kill(host.pid!, signal);
  expect((await answers).map(comparable)).toEqual(expected.map(comparable));
});

test("a crash between the tokens of one character", async () => {
  const script = encodeURIComponent(JSON.stringify({ tale: "Ω≈ç√∫˜µ≤≥÷ 👩‍👩‍👧‍👦🏳️‍🌈 ".repeat(4) }));
  const stop = ["👦🏳️‍🌈 Ω≈ç√∫˜µ≤≥÷!"];
  const request = aRequest({ prompt: { kind: "text", text: "tale" }, maxTokens: 150, logprobs: 2, stop });
  await using whole = await readyHost(`fake?script=${script}`);
  const expected = await ask(whole, { ...request, id: "whole" });
  await using host = await readyHost(`fake?stepMs=10&script=${script}`);
  const got: Collected = { text: "", tokens: [], logprobs: [], admitted: 0, usage: undefined, resumes: 0 };
  let kills = 0;
  for await (const event of host.generate(request, never)) {
    if (event.type === "admitted") got.admitted++;
    if (event.type === "finished") got.usage = event.usage;
    if (event.type !== "text-delta") continue;
    got.text += event.text;
    got.tokens.push(...event.tokens);
    got.logprobs.push(...(event.logprobs ?? []));
    if (event.text !== "" || kills === 4 || got.tokens.length < 30 * kills) continue;
    kills++; // bytes of an unfinished character, or the beginning of a stop string, are held back now
    process.kill(host.pid!, "SIGKILL");
  }
  expect(kills).toBe(4);
  expect(comparable(got)).toEqual(comparable(expected));
  expect(got.logprobs.map(({ token }) => token)).toEqual(got.tokens);
});

test("in its prefill, and while others wait for a slot", async () => {
  const long = (i: number) => aRequest({ prompt: { kind: "text", text: `${i} `.repeat(600) }, maxTokens: 10 });
  const requests = Array.from({ length: 12 }, (_, i) => long(i));
  const expected = await uninterrupted(requests);
  await using host = await readyHost("fake?prefillUsPerToken=200");
  const answers = Promise.all(requests.map((request) => ask(host, request)));
  await sleep(150);
  process.kill(host.pid!, "SIGSEGV");
  expect((await answers).map(comparable)).toEqual(expected.map(comparable));
});

test("a request that comes while the engine is started again waits for it; one whose time is over does not", async () => {
  await using host = await readyHost("fake?stepMs=5&loadMs=1500");
  process.kill(host.pid!, "SIGKILL");
  await vi.waitUntil(() => host.status().state !== "ready", 10_000);
  const hurried = ask(host, aRequest({ timeoutMs: 300 }));
  const patient = ask(host, aRequest());
  await expect(hurried).rejects.toMatchObject({ code: "deadline_exceeded" });
  expect(host.status().state).not.toBe("ready");
  expect((await patient).tokens).toHaveLength(20);
});

test("deadlines go on counting", async () => {
  await using host = await readyHost("fake?stepMs=5");
  const stream = collect(host.generate(aRequest({ maxTokens: 2000, timeoutMs: 2000 }), never));
  const begin = performance.now();
  await sleep(1000);
  process.kill(host.pid!, "SIGKILL");
  await expect(stream).rejects.toMatchObject({ code: "deadline_exceeded" });
  expect(performance.now() - begin).toBeLessThan(2900); // counted anew it would be 3 s and more
});

test("a client that leaves during the pause is forgotten at once", async () => {
  await using host = await readyHost("fake?stepMs=5&loadMs=800");
  const abort = new AbortController();
  const left = host.generate(aRequest({ maxTokens: 2000 }), abort.signal);
  const stays = host.generate(aRequest({ maxTokens: 200 }), never);
  await Promise.all([left.next(), stays.next()]);
  process.kill(host.pid!, "SIGKILL");
  await vi.waitUntil(() => host.status().state !== "ready", 10_000);
  abort.abort();
  await expect(collect(left)).rejects.toMatchObject({ code: "request_cancelled" });
  expect(host.status().state).not.toBe("ready");
  expect((await collect(stays)).tokens).toHaveLength(200);
});

test("a slow reader gets all of it, and no more ahead than it may", async () => {
  await using host = await readyHost("fake");
  const [expected] = await uninterrupted([aRequest({ maxTokens: 1500 })]);
  const slow = host.generate(aRequest({ maxTokens: 1500 }), never);
  await slow.next();
  await sleep(500); // 256 tokens wait for their reader now
  process.kill(host.pid!, "SIGKILL");
  await vi.waitUntil(() => host.status().state !== "ready", 10_000);
  await vi.waitUntil(() => host.status().state === "ready", 10_000);
  expect((await collect(slow)).tokens).toEqual(expected!.tokens);
});

test("a crash during the restart", async () => {
  await using host = await readyHost("fake?stepMs=5&loadMs=400");
  const [expected] = await uninterrupted([aRequest({ maxTokens: 100 })]);
  const answer = ask(host, aRequest({ maxTokens: 100 }));
  await sleep(150);
  for (const _ of [1, 2, 3]) {
    const pid = host.pid!;
    process.kill(pid, "SIGKILL");
    await vi.waitUntil(() => host.pid !== undefined && host.pid !== pid, 10_000);
    await sleep(150);
  }
  expect((await answer).text).toBe(expected!.text);
});

test.runIf(onLinux)("an engine that says nothing any more is killed, and its streams go on in the next", async () => {
  await using host = await readyHost("fake?stepMs=5", { silenceMs: 1500 });
  const [expected] = await uninterrupted([aRequest({ maxTokens: 100 })]);
  const answer = ask(host, aRequest({ maxTokens: 100 }));
  await sleep(200);
  process.kill(host.pid!, "SIGSTOP");
  expect(comparable(await answer)).toEqual(comparable(expected!));
});

test.runIf(onLinux)("so is one that stops while it loads", async () => {
  await using host = startHost("fake?loadMs=800", { silenceMs: 1500 });
  await vi.waitUntil(() => host.status().state === "loading" && host.pid !== undefined, 10_000);
  await sleep(500);
  process.kill(host.pid!, "SIGSTOP");
  await host.ready();
  expect((await ask(host, aRequest())).tokens).toHaveLength(20);
});

test("a poison request ends with an error of its own, and costs two engines", async () => {
  const innocent = requestsOf();
  const expected = await uninterrupted(innocent);
  await using host = await readyHost("fake?stepMs=4&poisonToken=7&crash=segv");
  const answers = Promise.all(innocent.map((request) => ask(host, request)));
  await sleep(100);
  const pids = new Set<number | undefined>();
  const watch = setInterval(() => pids.add(host.pid), 10);
  const poison = ask(host, aRequest({ prompt: { kind: "tokens", ids: [300, 7, 301] } }));
  await expect(poison).rejects.toMatchObject({ code: "poison_request", message: expect.stringMatching(/SIGSEGV/) });
  expect((await answers).map(comparable)).toEqual(expected.map(comparable));
  clearInterval(watch);
  pids.delete(undefined);
  expect(pids.size).toBe(3);
});

test("an engine that dies again and again opens the circuit: those that wait end, new ones are told when to come", async () => {
  await using host = await readyHost("fake?crashAtStep=1&crash=abort");
  const outcomes = await Promise.allSettled(Array.from({ length: 3 }, () => ask(host, aRequest())));
  for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: "poison_request" } });
  for (const _ of [1, 2, 3, 4]) {
    await vi.waitUntil(() => host.status().state === "ready", 10_000);
    process.kill(host.pid!, "SIGKILL");
    await vi.waitUntil(() => host.status().state !== "ready", 10_000);
  }
  expect(host.status()).toMatchObject({ state: "degraded", error: { code: "engine_failed" } });
  const refused = ask(host, aRequest());
  await expect(refused).rejects.toMatchObject({ code: "engine_unavailable", retryAfter: expect.any(Number) });
});

test("nothing of a stream is kept when it has ended", async () => {
  await using host = await readyHost("fake?stepMs=1");
  const events: GenerationEvent[] = [];
  for await (const event of host.generate(aRequest(), never)) events.push(event);
  process.kill(host.pid!, "SIGKILL");
  await vi.waitUntil(() => host.status().state !== "ready", 10_000);
  await vi.waitUntil(() => host.status().state === "ready", 10_000);
  expect((await ask(host, aRequest())).resumes).toBe(0);
  expect(events.at(-1)).not.toHaveProperty("resumes");
});
