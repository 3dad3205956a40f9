import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { aToy, ToyWorld } from "./toy-models/testing.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const [a, b, c] = [aToy({ id: "a" }), aToy({ id: "b" }), aToy({ id: "c", onDemand: false })];

test("models come and go: what is new is loaded, what is gone finishes its requests and leaves", async () => {
  const world = new ToyWorld(1000, [a, b]);
  const [running, other] = [world.ask("a", 5000), world.ask("b", 3000)];
  await pass(1500);
  expect(world.states).toBe("a:ready b:ready");
  world.replace([c, b]);
  expect(world.states).toBe("c:loading b:ready");
  expect(() => world.pool.load("a")).toThrow(/'a' is not served here; served: c, b/);
  await pass(1000);
  expect([world.states, world.engines.size]).toEqual(["c:ready b:ready", 3]); // a still answers
  await pass(4000);
  expect(await Promise.all([running, other])).toEqual(["finished", "finished"]);
  expect([world.engines.size, world.loads.get("b")]).toEqual([2, 1]);
  expect(world.broken).toEqual([]);
});

test("requests that wait for a model that goes are answered before it does", async () => {
  const world = new ToyWorld(1000, [a, b]);
  const waiting = world.ask("a", 100);
  await pass(500);
  world.replace([b]);
  await pass(1000);
  expect(await waiting).toBe("finished");
  await pass(100);
  expect(world.engines.size).toBe(0);
});

test("a model that goes and comes back at once is a new one, and both fit into memory", async () => {
  const world = new ToyWorld(150, [a]);
  const first = world.ask("a", 2000);
  await pass(1100);
  world.replace([b]);
  world.replace([a]);
  const second = world.ask("a", 100);
  await pass(1000);
  expect(world.loads.get("a")).toBe(1); // the old one is still there, and there is no room for two
  await pass(3000);
  expect(await Promise.all([first, second])).toEqual(["finished", "finished"]);
  expect([world.loads.get("a"), world.broken]).toEqual([2, []]);
});

test("a model that stays goes on with other settings: it is kept for another time", async () => {
  const world = new ToyWorld(1000, [aToy({ id: "a", keepAliveMs: 60_000 })]);
  await Promise.all([world.ask("a", 100), pass(2000)]);
  world.replace([aToy({ id: "a", keepAliveMs: 5000 })]);
  expect(world.states).toBe("a:ready");
  await pass(5000);
  expect([world.states, world.loads.get("a")]).toEqual(["a:unloaded", 1]);
});

test("how engines serve changes where they are, and where they are about to be", async () => {
  const world = new ToyWorld(1000, [a, aToy({ id: "c", onDemand: false })]);
  world.pool.start();
  await Promise.all([world.ask("a", 100), pass(1500)]);
  const served = () => [...world.engines.values()].map(({ turnTokens }) => turnTokens);
  world.replace([aToy({ id: "a", turnTokens: 7 }), aToy({ id: "b", onDemand: false, turnTokens: 1 })]);
  expect(served()[1]).toBe(7);
  world.replace([aToy({ id: "a", turnTokens: 8 }), aToy({ id: "b", onDemand: false, turnTokens: 2 })]);
  await pass(1500);
  expect(served()).toEqual([8, 2]);
});

test("one that is not loaded on demand any more is loaded; one that was unloaded by hand is not", async () => {
  const world = new ToyWorld(1000, [a, c]);
  world.pool.start();
  await pass(1500);
  world.pool.unload("c");
  await pass(100);
  world.replace([aToy({ id: "a", onDemand: false }), c]);
  expect(world.states).toBe("a:loading c:unloaded");
});

test("who watches sees a model go, and the one that comes", async () => {
  const world = new ToyWorld(1000, [a]);
  await Promise.all([world.ask("a", 100), pass(1500)]);
  const seen: string[] = [];
  using _ = { [Symbol.dispose]: world.pool.watch(({ id, state }) => seen.push(`${id}:${state}`)) };
  world.replace([b]);
  await pass(500);
  expect(seen).toEqual(["a:unloading", "a:unloaded", "b:unloaded"]);
});

test("two of one name change nothing; a pool that closes ends what is leaving too, and takes nothing new", async () => {
  const world = new ToyWorld(1000, [a, b]);
  expect(() => world.replace([a, a])).toThrow(/two models are called 'a'/);
  void world.ask("a", 60_000);
  await pass(1500);
  world.replace([b]);
  const closed = world.pool[Symbol.asyncDispose]();
  await pass(100);
  await closed;
  expect(() => world.replace([c])).toThrow(/shutting down/);
  expect([world.engines.size, world.loads.get("c")]).toEqual([0, undefined]);
});
