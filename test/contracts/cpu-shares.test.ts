import { afterEach, expect, test, vi } from "vitest";
import { defaultPlan } from "../../src/core/execution-plan.ts";
import { defaultScheduling } from "../../src/core/scheduling.ts";
import { CpuShares } from "../../src/host/cpu-shares.ts";
import { EngineHost } from "../../src/host/engine-host.ts";
import { livenessLimits, type LivenessLimits } from "../../src/host/liveness.ts";
import { testModel } from "../models.ts";
import { aRequest, collect, never, hostLog } from "./host/hosts.ts";

const onLinux = process.platform === "linux";
const hosts: EngineHost[] = [];

afterEach(async () => {
  for (const host of hosts.splice(0)) await host[Symbol.asyncDispose]();
});

interface Spec {
  readonly engine?: string;
  readonly modelFile?: string;
  readonly limits?: Partial<LivenessLimits>;
}

/** Two hosts of engines with two threads each, on two cores. */
async function twoHosts({ engine = "fake?stepMs=5", modelFile = "fake-model", limits = {} }: Spec = {}) {
  const cpuShares = new CpuShares(2);
  const plan = { ...defaultPlan(modelFile, 2), slots: 2, contextPerSlot: 512 };
  const start = () =>
    EngineHost.start(
      { engine, plan },
      {
        modelId: "fake",
        scheduling: defaultScheduling,
        logger: hostLog,
        limits: { ...livenessLimits, ...limits },
        cpuShares,
      },
    );
  const [a, b] = [start(), start()];
  hosts.push(a, b);
  await Promise.all([a.ready(), b.ready()]);
  return { a, b };
}

/** Of a promise that is asked later, or never if the test fails before: its error is not unhandled meanwhile. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** A stream that goes on until its reader leaves, which returns its number of tokens then. */
function endless(host: EngineHost) {
  const abort = new AbortController();
  let tokens = 0;
  const run = async () => {
    try {
      for (;;) {
        const request = aRequest({ maxTokens: 400 });
        for await (const event of host.generate(request, abort.signal)) if (event.type === "text-delta") tokens++;
      }
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    }
  };
  const done = later(run());
  return {
    tokens: () => tokens,
    leave: async () => {
      abort.abort();
      await done;
    },
  };
}

/** Until its share is this: how many of the threads a step takes on a busy machine is the engine's own decision. */
const threadsOf = (host: EngineHost, threads: number) => vi.waitUntil(() => host.threads === threads, 10_000);

test("two that work share the cores; one that works alone has them all", async () => {
  const { a, b } = await twoHosts();
  const one = endless(a);
  await vi.waitUntil(() => one.tokens() > 5, 10_000);
  expect(a.threads).toBe(2);
  const other = endless(b);
  await threadsOf(a, 1);
  await threadsOf(b, 1);
  await one.leave();
  await threadsOf(b, 2);
  await other.leave();
});

test("kill -9 of one gives its share to the other, and it has one again when it goes on", async () => {
  const { a, b } = await twoHosts({ engine: "fake?stepMs=5&loadMs=1000" });
  const [one, other] = [endless(a), endless(b)];
  await threadsOf(b, 1);
  process.kill(a.pid!, "SIGKILL");
  await threadsOf(b, 2);
  await threadsOf(b, 1);
  const before = one.tokens();
  await vi.waitUntil(() => one.tokens() > before + 20, 10_000);
  expect(a.threads).toBe(1);
  await Promise.all([one.leave(), other.leave()]);
});

test.runIf(onLinux)(
  "one that is stopped holds nobody up, and gives its share back when it is ended for it",
  async () => {
    const { a, b } = await twoHosts({ engine: "fake?stepMs=5&loadMs=1000", limits: { silenceMs: 4000 } });
    const [one, other] = [endless(a), endless(b)];
    await threadsOf(b, 1);
    process.kill(a.pid!, "SIGSTOP");
    const before = other.tokens();
    await vi.waitUntil(() => other.tokens() > before + 20, 10_000);
    expect(b.threads).toBe(1);
    await threadsOf(b, 2);
    await Promise.all([one.leave(), other.leave()]);
  },
);

test("requests whose readers do not read take no share", async () => {
  const { a, b } = await twoHosts({ engine: "fake" });
  const unread = a.generate(aRequest({ maxTokens: 400 }), never);
  await unread.next();
  const other = endless(b);
  await vi.waitUntil(() => other.tokens() > 300, 10_000);
  await threadsOf(b, 2);
  await other.leave();
  expect((await collect(unread)).tokens).toHaveLength(400);
});

test("two real engines side by side finish, one of them killed in between", async () => {
  const { a, b } = await twoHosts({ engine: "llama", modelFile: await testModel("smollm2") });
  const ask = (host: EngineHost) => collect(host.generate(aRequest({ maxTokens: 100 }), never));
  const alone = await ask(a);
  const answers = later(Promise.all([ask(a), ask(b), ask(b)]));
  await threadsOf(a, 1);
  process.kill(b.pid!, "SIGKILL");
  for (const { tokens } of await answers) expect(tokens).toHaveLength(alone.tokens.length);
  const last = endless(a);
  await threadsOf(a, 2);
  await last.leave();
});
