import { expect, test } from "vitest";
import type { PolicyName } from "../../core/scheduling.ts";
import type { Sequence } from "../sequence.ts";
import { Shares } from "../shares.ts";
import { HORIZON_MS } from "./deadline.ts";
import { policies } from "./policies.ts";
import type { PolicyView } from "./policy.ts";
import { aRequest, aView } from "./testing.ts";
import { TURN_MS } from "./turns.ts";

function inOrder(name: PolicyName, list: readonly Sequence[], view: PolicyView = aView()): string {
  return list
    .toSorted((a, b) => policies[name].compare(a, b, view))
    .map(({ id }) => id)
    .join(" ");
}

test("fifo: arrival, put back by turns", () => {
  const list = [
    aRequest({ id: "new", arrived: TURN_MS - 1 }),
    aRequest({ id: "old", turns: 1 }),
    aRequest({ id: "newest", arrived: TURN_MS + 1 }),
    aRequest({ id: "first", lane: "background" }),
  ];
  expect(inOrder("fifo", list)).toBe("first new old newest");
});

test("priority: lanes, then arrival", () => {
  const list = [
    aRequest({ id: "background", lane: "background" }),
    aRequest({ id: "batch", lane: "batch", arrived: 1 }),
    aRequest({ id: "second", arrived: 3 }),
    aRequest({ id: "first", arrived: 2 }),
  ];
  expect(inOrder("priority", list)).toBe("first second batch background");
});

test("fair: who was served the least for its weight", () => {
  const [a, b] = [
    { name: "a", weight: 1 },
    { name: "b", weight: 3 },
  ];
  const shares = new Shares();
  for (const tenant of [a, b]) shares.activate(tenant);
  shares.charge(a, { prefill: 100, decode: 0 });
  shares.charge(b, { prefill: 100, decode: 50 });
  const list = [
    aRequest({ id: "a", tenant: a }),
    aRequest({ id: "b2", tenant: b, arrived: 2 }),
    aRequest({ id: "b1", tenant: b, arrived: 1 }),
  ];
  expect(inOrder("fair", list, aView({ shares }))).toBe("b1 b2 a");
});

test("fair: a long prompt lets shorter ones pass that come within four times its own computing time", () => {
  const prompt = (tokens: number) => new Int32Array(tokens);
  const view = aView({ promptMs: ({ promptLength }) => promptLength });
  const long = aRequest({ id: "long", prompt: prompt(500) }); // 500 ms
  const list = [
    aRequest({ id: "late", arrived: 1801, prompt: prompt(50) }),
    long,
    aRequest({ id: "short", arrived: 1799, prompt: prompt(50) }),
    aRequest({ id: "shortest", arrived: 1799, prompt: prompt(10) }),
  ];
  expect(inOrder("fair", list, view)).toBe("shortest short long late");
});

test("shortest: of those that came together the shortest, until a long one has waited for longer", () => {
  const list = [aRequest({ id: "long", limit: 108 }), aRequest({ id: "short", limit: 18 })]; // 10 s and 1 s
  expect(inOrder("shortest", list)).toBe("short long");
  const later = [list[0]!, aRequest({ id: "short", arrived: 9000, limit: 18 })];
  expect(inOrder("shortest", later, aView({ now: 9500 }))).toBe("long short"); // 9.5 : 10 against 0.5 : 1
  expect(inOrder("shortest", later, aView({ now: 9990 }))).toBe("long short");
  expect(inOrder("shortest", later, aView({ now: 11_000 }))).toBe("short long");
});

test("deadline: what can be met by its date, without one as if due in a while, and last what is too late", () => {
  const limit = 18; // 1 s
  const list = [
    aRequest({ id: "late", limit, deadline: 999 }),
    aRequest({ id: "whenever", limit }),
    aRequest({ id: "soon", limit, deadline: 1000 }),
    aRequest({ id: "far", limit, deadline: HORIZON_MS + 1 }),
    aRequest({ id: "near", limit, deadline: HORIZON_MS - 1 }),
  ];
  expect(inOrder("deadline", list)).toBe("soon near whenever far late");
});
