import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { EmbeddingRequest } from "../../src/core/embedding.ts";
import { defaultPlan } from "../../src/core/execution-plan.ts";
import { defaultScheduling, type Scheduling } from "../../src/core/scheduling.ts";
import { EngineHost } from "../../src/host/engine-host.ts";
import { livenessLimits, type LivenessLimits } from "../../src/host/liveness.ts";
import { openEmbedder } from "../../src/engine/open.ts";
import { aRequest, collect, never, readyHost, hostLog } from "./host/hosts.ts";

// Embeddings by an engine process: the fake embedder, and everything between it and the server.

const plan = { ...defaultPlan("fake-model", 2), task: "embed", slots: 4 } as const;

interface Over {
  readonly limits?: Partial<LivenessLimits>;
  readonly scheduling?: Partial<Scheduling>;
}

async function embeddingHost(engine: string, { limits, scheduling }: Over = {}): Promise<EngineHost> {
  const host = EngineHost.start(
    { engine, plan },
    {
      modelId: "fake",
      scheduling: { ...defaultScheduling, ...scheduling },
      logger: hostLog,
      limits: { ...livenessLimits, ...limits },
    },
  );
  await host.ready();
  return host;
}

let requests = 0;
const asking = (inputs: readonly string[], over: Partial<EmbeddingRequest> = {}): EmbeddingRequest => ({
  id: `e${++requests}`,
  model: "fake",
  tenant: { name: "test", weight: 1 },
  lane: "interactive",
  timeoutMs: undefined,
  inputs: inputs.map((text) => ({ kind: "text", text })),
  listed: true,
  dimensions: undefined,
  ...over,
});

const tokensOf = (texts: readonly string[], engine = "fake"): Int32Array[] => {
  using embedder = openEmbedder({ engine, plan });
  return texts.map((text) => embedder.vocabulary.tokenize(text, { parseSpecial: false, addSpecial: true }));
};

/** What the embedder itself makes of these texts. */
function directly(texts: readonly string[]): readonly Float32Array[] {
  using embedder = openEmbedder({ engine: "fake", plan });
  return tokensOf(texts).map((text) => embedder.embed([text])![0]!);
}

const texts = Array.from({ length: 50 }, (_, n) => `the mill by the river, page ${n} of ${"many ".repeat(n % 9)}`);

test("texts come back as their vectors, in order, with the number of their tokens", async () => {
  await using host = await embeddingHost("fake");
  expect(host.info).toMatchObject({ dimensions: 64, contextPerSlot: 512 });
  const { vectors, promptTokens } = await host.embed(asking(texts), never);
  expect(vectors).toEqual(directly(texts));
  const tokens = tokensOf(texts);
  expect(promptTokens).toBe(tokens.reduce((sum, { length }) => sum + length, 0));
  const inputs = tokens.map((ids) => ({ kind: "tokens", ids: [...ids] }) as const);
  expect((await host.embed(asking([], { inputs }), never)).vectors).toEqual(vectors);
  const shorter = await host.embed(asking(["a mill"], { dimensions: 10 }), never);
  expect(shorter.vectors[0]).toHaveLength(10);
  expect(shorter.vectors[0]!.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 5);
});

test("what cannot be embedded is refused by name, and nothing is cut off", async () => {
  await using host = await embeddingHost("fake");
  const long = "x".repeat(600);
  const refusals = [
    [asking(["fine", long]), { code: "context_length_exceeded", param: "input[1]" }],
    [asking([long]), { code: "context_length_exceeded", param: "input[0]" }],
    [asking([long], { listed: false }), { code: "context_length_exceeded", param: "input" }],
    [asking(["a ".repeat(100_000)]), { code: "context_length_exceeded" }],
    [asking(["a"], { dimensions: 65 }), { code: "invalid_value", param: "dimensions" }],
    [asking([], { inputs: [{ kind: "tokens", ids: [5, 1e6] }] }), { code: "invalid_value", param: "input[0][1]" }],
  ] as const;
  for (const [request, error] of refusals) await expect(host.embed(request, never)).rejects.toMatchObject(error);
  await expect(host.embed(refusals[0][0], never)).rejects.toThrow(
    "'input[1]' has 601 tokens; this model's maximum context length is 512 tokens",
  );
});

test("a plan to embed generates nothing, and one to generate makes no vectors", async () => {
  await using embeds = await embeddingHost("fake");
  await expect(collect(embeds.generate(aRequest(), never))).rejects.toMatchObject({ code: "only_embeddings" });
  await using generates = await readyHost("fake");
  await expect(generates.embed(asking(["a"]), never)).rejects.toMatchObject({ code: "no_embeddings" });
});

test.each(["SIGKILL", "SIGSEGV"] as const)("after %s in a call the next process computes the rest", async (signal) => {
  await using host = await embeddingHost("fake?stepMs=20");
  const first = host.pid!;
  const answers = [host.embed(asking(texts), never), host.embed(asking(texts.slice(5)), never)];
  await sleep(100);
  process.kill(first, signal);
  const [all, some] = await Promise.all(answers);
  expect(host.pid).not.toBe(first);
  expect(all!.vectors).toEqual(directly(texts));
  expect(some!.vectors).toEqual(directly(texts.slice(5)));
});

test("a text that kills engines ends its own request, the others go on", async () => {
  const [poison] = tokensOf([" river"]);
  await using host = await embeddingHost(`fake?stepMs=5&poisonToken=${poison!.at(-1)}&crash=abort`);
  const [good, bad, other] = await Promise.allSettled([
    host.embed(asking(Array(30).fill("quiet")), never),
    host.embed(asking(["a river"]), never),
    host.embed(asking(["nothing"]), never),
  ]);
  expect(bad).toMatchObject({ status: "rejected", reason: { code: "poison_request" } });
  expect([good.status, other.status]).toEqual(["fulfilled", "fulfilled"]);
});

test("who kills engines late, after its trial, is the one that is convicted: not whoever is tried meanwhile", async () => {
  const [poison] = tokensOf([" river"]);
  await using host = await embeddingHost(`fake?stepMs=50&poisonToken=${poison!.at(-1)}&crash=abort`);
  const long = "x".repeat(499);
  const outcomes = await Promise.allSettled([
    host.embed(asking([...Array(6).fill(long), "a river"]), never),
    host.embed(asking(["nothing", long, long]), never),
    host.embed(asking(["a river", long]), never),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected"]);
});

test("a call that does not end is aborted and made again", async () => {
  await using host = await embeddingHost("fake?stallAtStep=2", { limits: { stepMs: 300, stepMsPerToken: 0 } });
  const pid = host.pid;
  expect((await host.embed(asking(texts), never)).vectors).toEqual(directly(texts));
  expect(host.pid).toBe(pid);
});

test("who leaves is computed no further, and a deadline ends the wait", async () => {
  await using host = await embeddingHost("fake?stepMs=50");
  const abort = new AbortController();
  const gone = host.embed(asking(Array(2000).fill("a")), abort.signal); // 25 s
  const late = host.embed(asking(Array(2000).fill("b"), { timeoutMs: 300 }), never);
  await sleep(100);
  abort.abort();
  await expect(gone).rejects.toMatchObject({ code: "request_cancelled" });
  await expect(late).rejects.toMatchObject({ code: "deadline_exceeded" });
  expect((await host.embed(asking(["c"], { timeoutMs: 5000 }), never)).vectors).toHaveLength(1);
});

test("one text does not wait for thousands", async () => {
  await using host = await embeddingHost("fake?stepMs=10");
  let done = false;
  const thousands = host.embed(asking(Array(2000).fill("a")), never).then(() => (done = true));
  await sleep(100);
  await host.embed(asking(["b"]), never);
  expect(done).toBe(false);
  await thousands;
});

test("more than may wait is refused: by number, and by tokens", async () => {
  await using few = await embeddingHost("fake?stepMs=50", { scheduling: { maxQueuedRequests: 1 } });
  const asked = Array.from({ length: 7 }, () => few.embed(asking(["a", "b"]), never));
  const outcomes = await Promise.allSettled(asked);
  expect(outcomes.map(({ status }) => status)).toEqual([...Array(5).fill("fulfilled"), "rejected", "rejected"]);
  expect(outcomes[6]).toMatchObject({ reason: { code: "queue_full" } });
  await using short = await embeddingHost("fake?stepMs=50", { scheduling: { maxQueuedTokens: 100 } });
  const both = await Promise.allSettled([1, 2].map(() => short.embed(asking(texts), never)));
  expect(both[0]!.status).toBe("fulfilled");
  expect(both[1]).toMatchObject({ reason: { code: "queued_tokens_full" } });
});
