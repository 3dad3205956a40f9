import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ModelReport } from "../core/models.ts";
import { aToy, ToyWorld } from "./toy-models/testing.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const [a, b, c] = [aToy({ id: "a" }), aToy({ id: "b" }), aToy({ id: "c" })];

test("what is not on demand is loaded at the start, the rest when a request names it, which waits", async () => {
  const { pool, ask, states } = bound(new ToyWorld(1000, [aToy({ id: "a", onDemand: false }), b]));
  pool.start();
  await pass(500);
  expect(pool.reports()).toMatchObject([
    { id: "a", state: "loading", loading: { progress: 0.5, etaSeconds: 0.5 } },
    { id: "b", state: "unloaded", loading: undefined, memory: undefined },
  ]);
  await pass(500);
  await pool.ready();
  const answer = ask("b", 100);
  await pass(999);
  expect(pool.reports()).toMatchObject([
    { state: "ready", memory: 100 },
    { state: "loading", waiting: 1 },
  ]);
  await pass(101);
  expect(await answer).toBe("finished");
  expect(states()).toBe("a:ready b:ready");
});

test("a request waits no longer than its timeout, and not at all when that cannot be enough", async () => {
  const { ask, states } = bound(new ToyWorld(1000, [a]));
  const late = ask("a", 1, { timeoutMs: 300 });
  await pass(300);
  expect(await late).toBe("model_loading");
  await pass(700);
  expect(states()).toBe("a:ready");
  await pass(60_010);
  expect(states()).toBe("a:unloaded");
  expect(await ask("a", 1, { timeoutMs: 900 })).toBe("model_loading"); // it is known to take a second
  expect(states()).toBe("a:unloaded");
  const inTime = ask("a", 1, { timeoutMs: 1100 });
  await pass(1001);
  expect(await inTime).toBe("finished");
});

test("texts to embed wait for their model, and keep it, as other requests do", async () => {
  const { pool, states } = bound(new ToyWorld(1000, [aToy({ id: "a", keepAliveMs: 0, task: "embed" })]));
  const model = pool.served[0];
  const signal = new AbortController().signal;
  const answer = model.embed({ inputs: [1, 2, 3], timeoutMs: 5000 } as never, signal);
  await pass(1002);
  expect([states(), pool.reports()[0]!.running]).toEqual(["a:ready", 1]);
  await pass(20);
  expect(await answer).toMatchObject({ promptTokens: 3 });
  expect(states()).toBe("a:unloaded");
  await expect(model.embed({ inputs: [1], timeoutMs: 300 } as never, signal)).rejects.toMatchObject({
    code: "model_loading",
  });
});

test("what a model cannot do does not make it load, as soon as it is known", async () => {
  const models = [aToy({ id: "a", keepAliveMs: 0 }), aToy({ id: "b", task: "embed", taskIsKnown: true })];
  const { pool, ask, states } = bound(new ToyWorld(1000, models));
  const embed = (at: number) => pool.served[at]!.embed({ inputs: [1] } as never, new AbortController().signal);
  expect(await ask("b", 1)).toBe("only_embeddings");
  expect(states()).toBe("a:unloaded b:unloaded");
  const first = ask("a", 1);
  await pass(1020);
  expect([await first, states()]).toEqual(["finished", "a:unloaded b:unloaded"]);
  await expect(embed(0)).rejects.toMatchObject({ code: "no_embeddings", param: "model" });
  expect(states()).toBe("a:unloaded b:unloaded");
});

test("more than may wait are told how far it is", async () => {
  const { pool, ask } = bound(new ToyWorld(1000, [aToy({ id: "a", mostWaiting: 2 })]));
  const first = [ask("a", 1), ask("a", 1)];
  await pass(250);
  const model = pool.served[0];
  const refused = model.generate({ maxTokens: 1 } as never, new AbortController().signal).next();
  await expect(refused).rejects.toMatchObject({
    code: "model_loading",
    message: "model 'a' is loading (25 %)",
    loading: { progress: 0.25, etaSeconds: 0.75 },
    retryAfter: 0.75,
  });
  await pass(751);
  expect(await Promise.all(first)).toEqual(["finished", "finished"]);
});

test("it is unloaded when nobody asked for it for so long; 0 = when nobody needs it; never = never", async () => {
  const models = [
    aToy({ id: "a", keepAliveMs: 5000 }),
    aToy({ id: "b", keepAliveMs: 0 }),
    aToy({ id: "c", keepAliveMs: Infinity }),
  ];
  const { ask, states } = bound(new ToyWorld(1000, models));
  const answers = [ask("a", 3000), ask("b", 10), ask("b", 2000), ask("c", 10)];
  await pass(2500);
  expect(states()).toBe("a:ready b:ready c:ready");
  await pass(600);
  expect(states()).toBe("a:ready b:unloaded c:ready");
  await pass(900 + 4999);
  expect(states()).toBe("a:ready b:unloaded c:ready");
  await pass(20);
  expect(states()).toBe("a:unloaded b:unloaded c:ready");
  await pass(10 ** 9);
  expect(states()).toBe("a:unloaded b:unloaded c:ready");
  expect(await Promise.all(answers)).toEqual(["finished", "finished", "finished", "finished"]);
});

test("by hand: what runs is finished first; who comes later waits until it is loaded again", async () => {
  const { pool, ask, states, world } = bound(new ToyWorld(1000, [a]));
  const before = ask("a", 5000);
  await pass(1500);
  expect(pool.unload("a").state).toBe("unloading");
  const after = ask("a", 10);
  await pass(4000);
  expect(pool.reports()).toMatchObject([{ state: "unloading", running: 1, waiting: 1 }]);
  await pass(600);
  expect(states()).toBe("a:loading");
  await pass(1000);
  expect(await Promise.all([before, after])).toEqual(["finished", "finished"]);
  expect(world.loads.get("a")).toBe(2);
});

test("by hand: to load what is about to be unloaded keeps it; a loading that nobody waits for is given up", async () => {
  const { pool, ask, states, world } = bound(new ToyWorld(1000, [a]));
  const answers = [ask("a", 2000)];
  await pass(1000);
  pool.unload("a");
  answers.push(ask("a", 10));
  expect(pool.load("a").state).toBe("ready");
  await pass(2000);
  expect(await Promise.all(answers)).toEqual(["finished", "finished"]);
  expect(world.loads.get("a")).toBe(1);
  pool.unload("a");
  await pass(10);
  pool.load("a");
  await pass(500);
  expect(states()).toBe("a:loading");
  pool.unload("a");
  await pass(10);
  expect(states()).toBe("a:unloaded");
  pool.load("a");
  pool.unload("a");
  pool.load("a");
  await pass(1100);
  expect(states()).toBe("a:ready");
  expect(() => pool.load("x")).toThrow(/model 'x' is not served here; served: a/);
});

test("when memory is short the one goes that nobody asked for longest, and none that is busy or stays", async () => {
  const pinned = aToy({ id: "p", keepAliveMs: Infinity });
  const { ask, states } = bound(new ToyWorld(300, [a, b, c, pinned]));
  const first = ask("p", 1);
  await pass(1001);
  const busy = ask("a", 10_000);
  await pass(2000);
  const idle = ask("b", 1);
  await pass(1001);
  expect(states()).toBe("a:ready b:ready c:unloaded p:ready");
  const third = ask("c", 1);
  await pass(1100);
  expect(states()).toBe("a:ready b:unloaded c:ready p:ready");
  expect(await Promise.all([first, idle, third])).toEqual(["finished", "finished", "finished"]);
  await pass(10_000);
  expect(await busy).toBe("finished");
});

test("where memory is short a model has less cache rather than another's place; less of all rather than none", async () => {
  const first = aToy({ id: "a", bytes: 70 });
  const second = aToy({ id: "b", bytes: 60, withoutCache: 20, least: 10 });
  const { ask, states, world } = bound(new ToyWorld(100, [first, second]));
  const answers = [ask("a", 1), ask("b", 1)];
  await pass(2100);
  expect(states()).toBe("a:ready b:ready");
  expect(world.held).toBe(100);
  expect(await Promise.all(answers)).toEqual(["finished", "finished"]);

  const pinned = aToy({ id: "a", bytes: 85, keepAliveMs: Infinity, onDemand: false });
  const beside = bound(new ToyWorld(100, [pinned, second]));
  beside.pool.start();
  const answer = beside.ask("b", 1);
  await pass(2100);
  expect(await answer).toBe("finished");
  expect(beside.world.held).toBe(100);
});

test("busy models give way after some seconds: they take no new requests until the other had its turn", async () => {
  const { ask, states } = bound(new ToyWorld(100, [a, b]));
  const answers = [ask("a", 4000)];
  await pass(1000);
  const other = ask("b", 100);
  await pass(3000);
  answers.push(ask("a", 4000)); // busy for 7 s from now on
  await pass(2100);
  expect(states()).toBe("a:unloading b:loading");
  answers.push(ask("a", 100));
  await pass(3200);
  expect(await other).toBe("finished");
  await pass(3000);
  expect(await Promise.all(answers)).toEqual(["finished", "finished", "finished"]);
});

test("what cannot fit beside those that stay is refused, and asked again only after a while", async () => {
  const { ask, pool, world } = bound(new ToyWorld(150, [aToy({ id: "p", onDemand: false, keepAliveMs: Infinity }), b]));
  pool.start();
  await pass(1000);
  expect(await ask("b", 1)).toBe("model_too_large");
  expect(pool.reports()[1]).toMatchObject({ state: "failed", error: { code: "model_too_large" } });
  expect(await ask("b", 1)).toBe("model_too_large");
  pool.unload("p");
  await pass(30_000);
  const answer = ask("b", 1);
  await pass(1001);
  expect(await answer).toBe("finished");
  expect(world.broken).toEqual([]);
});

test("what it holds more than was estimated counts", async () => {
  const { ask, states } = bound(new ToyWorld(250, [aToy({ id: "a", held: 160 }), b]));
  const answers = [ask("a", 1)];
  await pass(1001);
  answers.push(ask("b", 1));
  await pass(1100);
  expect(await Promise.all(answers)).toEqual(["finished", "finished"]);
  expect(states()).toBe("a:unloaded b:ready");
});

test("a model that cannot be loaded fails its requests, and the server's start if it belongs to it", async () => {
  const { ask, pool, states } = bound(new ToyWorld(1000, [aToy({ id: "a", loadFails: true, onDemand: false })]));
  pool.start();
  const problem = pool.ready().catch((error: unknown) => error);
  const answer = ask("a", 1);
  await pass(1010);
  expect(await problem).toMatchObject({ code: "engine_failed" });
  expect([await answer, await ask("a", 1), states()]).toEqual(["engine_unavailable", "engine_unavailable", "a:failed"]);
  pool.unload("a");
  expect(states()).toBe("a:unloaded");
});

test("a client that leaves is forgotten; a loading that only it waited for takes no room from others", async () => {
  const { ask, pool, states } = bound(new ToyWorld(100, [a, b]));
  const busy = ask("a", 3000);
  await pass(1000);
  const leaving = new AbortController();
  const gone = ask("b", 1, { signal: leaving.signal });
  await pass(1000);
  expect(pool.reports()).toMatchObject([{ running: 1 }, { state: "loading", waiting: 1 }]);
  leaving.abort();
  await pass(10);
  expect(await gone).toBe("request_cancelled");
  expect(states()).toBe("a:ready b:unloaded");
  await pass(2000);
  expect(await busy).toBe("finished");
});

test("whoever watches hears of each change", async () => {
  const { ask, pool } = bound(new ToyWorld(1000, [aToy({ id: "a", loadMs: 900 }), b]));
  const heard: string[] = [];
  const end = pool.watch(({ id, state, loading }: ModelReport) =>
    heard.push(`${id} ${state}${loading === undefined ? "" : ` ${Math.round(100 * loading.progress)} %`}`),
  );
  const answer = ask("a", 1);
  await pass(1300);
  pool.unload("a");
  await pass(20);
  end();
  pool.load("b");
  await answer;
  expect(heard).toEqual([
    "a loading 0 %",
    "a loading 28 %",
    "a loading 56 %",
    "a loading 83 %",
    "a ready",
    "a unloading",
    "a unloaded",
  ]);
});

test("closing ends everything, what waits and what loads too", async () => {
  const { ask, pool, world } = bound(new ToyWorld(1000, [a, b, c]));
  void ask("a", 1);
  await pass(1100);
  const waiting = ask("b", 1);
  const closed = pool[Symbol.asyncDispose]();
  await pass(20);
  await closed;
  expect(await waiting).toBe("shutting_down");
  expect(await ask("a", 1)).toBe("shutting_down");
  expect(world.engines.size).toBe(0);
});

test("two models of one name are refused", () => {
  expect(() => new ToyWorld(1, [a, a])).toThrow(/two models are called 'a'/);
});

type Command =
  | {
      readonly do: "ask";
      readonly model: number;
      readonly ms: number;
      readonly timeoutMs: number | null;
      readonly leavesAfter: number | null;
    }
  | { readonly do: "load" | "unload"; readonly model: number }
  | { readonly do: "pass"; readonly ms: number };

const models = fc.array(
  fc.record({
    bytes: fc.integer({ min: 10, max: 120 }),
    loadMs: fc.integer({ min: 1, max: 3000 }),
    keepAliveMs: fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
      { weight: 1, arbitrary: fc.constant(Infinity) },
    ),
    onDemand: fc.boolean(),
    withoutCache: fc.option(fc.integer({ min: 5, max: 10 }), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 5 },
);
const model = fc.nat(4);
const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("ask" as const),
        model,
        ms: fc.nat(8000),
        timeoutMs: fc.option(fc.integer({ min: 1, max: 9000 })),
        leavesAfter: fc.option(fc.nat(5000)),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("load" as const, "unload" as const), model }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.nat(4000) }) },
  ),
  { maxLength: 40 },
);

test("whatever is asked, loaded and unloaded: none is ended that works, memory suffices, every request ends as it may", async () => {
  const budget = 200;
  await fc.assert(
    fc.asyncProperty(models, commands, async (shapes, commands) => {
      const toys = shapes.map((shape, i) => aToy({ id: `m${i}`, ...shape }));
      const world = new ToyWorld(budget, toys);
      world.pool.start();
      const asked: { readonly may: readonly string[]; outcome: string | undefined }[] = [];
      const staying = toys.filter(({ keepAliveMs }) => keepAliveMs === Infinity);
      for (const command of commands) {
        if (command.do === "pass") await pass(command.ms);
        else {
          const toy = toys[command.model % toys.length]!;
          if (command.do !== "ask") world.pool[command.do](toy.id);
          else {
            const { ms, timeoutMs, leavesAfter } = command;
            const controller = new AbortController();
            if (leavesAfter !== null) setTimeout(() => controller.abort(), leavesAfter);
            const may = [
              "finished",
              ...(timeoutMs === null ? [] : ["model_loading"]),
              ...(leavesAfter === null ? [] : ["request_cancelled"]),
              ...(staying.length === 0 ? [] : ["model_too_large"]),
            ];
            const entry = { may, outcome: undefined as string | undefined };
            asked.push(entry);
            const { signal } = controller;
            void world.ask(toy.id, ms, timeoutMs === null ? { signal } : { timeoutMs, signal }).then((outcome) => {
              entry.outcome = outcome;
            });
          }
        }
        await pass(0);
        expect(world.held).toBeLessThanOrEqual(budget);
      }
      await pass(40 * 20_000);
      for (const { may, outcome } of asked) expect(may).toContain(outcome);
      expect(world.broken).toEqual([]);
      const idle = world.pool.reports().every(({ running, waiting }) => running === 0 && waiting === 0);
      expect(idle).toBe(true);
      for (const toy of toys)
        if (toy.keepAliveMs < Infinity) expect(world.states).toMatch(new RegExp(`${toy.id}:(unloaded|failed)`));
      const closed = world.pool[Symbol.asyncDispose]();
      await pass(100);
      await closed;
      expect(world.engines.size).toBe(0);
    }),
    { numRuns: 200 },
  );
});

function bound(world: ToyWorld) {
  return { world, pool: world.pool, ask: world.ask.bind(world), states: () => world.states };
}
