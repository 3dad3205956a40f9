import { describe, expect, test } from "vitest";
import { LaneAges } from "../lane-ages.ts";
import { Shares } from "../shares.ts";
import { QUANTUM } from "./fair.ts";
import { policies } from "./policies.ts";
import type { PreemptionView } from "./policy.ts";
import { aRequest, aView } from "./testing.ts";
import { TURN_MS } from "./turns.ts";

const { fifo, priority, fair, shortest, deadline } = policies;
const heavy = { name: "heavy", weight: 1 };
const light = { name: "light", weight: 1 };

/** The heavy tenant was served so many weighted tokens more than the light one. */
function aheadBy(tokens: number, over: Partial<PreemptionView> = {}): PreemptionView {
  const shares = new Shares();
  for (const tenant of [heavy, light]) shares.activate(tenant);
  shares.charge(heavy, { prefill: tokens, decode: 0 });
  return aView({ shares, ...over });
}

describe("lanes", () => {
  test("a more urgent one takes the slot in the middle of a prompt, but not before it has a reader", () => {
    const holder = aRequest({ id: "holder", lane: "batch", generated: 0 });
    const challenger = aRequest({ id: "challenger", arrived: 100 });
    expect(priority.preempts(challenger, holder, aView())).toBe(true);
    expect(priority.preempts({ ...challenger, credit: 0 }, holder, aView())).toBe(false);
    expect(fifo.preempts(challenger, holder, aView())).toBe(false);
  });

  test("one that aged twice takes the slot of an interactive one, one that aged once only in its turn", () => {
    const laneAges = new LaneAges(1000);
    laneAges.present(new Set(["batch"]), 0);
    const holder = aRequest({ id: "holder", arrived: 10, generated: 64 });
    const challenger = aRequest({ id: "challenger", lane: "batch" });
    const at = (now: number, turnTokens: number) =>
      priority.preempts(challenger, holder, aView({ laneAges, now, turnTokens }));
    expect([at(999, 64), at(1000, 0), at(1000, 64), at(2000, 0)]).toEqual([false, false, true, true]);
  });
});

describe("turns", () => {
  const view = aView({ now: TURN_MS, turnTokens: 64 });

  test.each(["fifo", "priority", "fair", "deadline"] as const)("%s: pass to a newcomer at their end", (name) => {
    const { preempts } = policies[name];
    const newcomer = aRequest({ id: "newcomer", arrived: TURN_MS - 1, limit: 500 });
    const holder = (generated: number) => aRequest({ id: "holder", generated });
    expect(preempts(newcomer, holder(63), view)).toBe(false);
    expect(preempts(newcomer, holder(64), view)).toBe(true);
    expect(preempts(newcomer, holder(64), { ...view, turnTokens: 0 })).toBe(false);
  });

  test("pass to one that has had more of them only once they are even", () => {
    const challenger = aRequest({ id: "challenger", turns: 2, arrived: 1 });
    const holder = (generated: number) => aRequest({ id: "holder", generated });
    expect(fifo.preempts(challenger, holder(128), view)).toBe(false);
    expect(fifo.preempts(challenger, holder(192), view)).toBe(true);
  });

  test("do not pass from an answer that came slower than a turn in its time", () => {
    const newcomer = aRequest({ id: "newcomer", arrived: TURN_MS + 1 });
    expect(fifo.preempts(newcomer, aRequest({ id: "holder", generated: 64 }), view)).toBe(false);
  });

  test("shortest: pass only to a shorter one", () => {
    const holder = aRequest({ id: "holder", arrived: TURN_MS, limit: 300, generated: 64 });
    const newcomer = (limit: number) => aRequest({ id: "newcomer", arrived: TURN_MS, limit });
    expect(shortest.preempts(newcomer(20), holder, view)).toBe(true);
    expect(shortest.preempts(newcomer(900), holder, view)).toBe(false);
  });

  test("deadline: pass only to one that is due before", () => {
    const holder = aRequest({ id: "holder", deadline: 500_000, generated: 64 });
    const newcomer = (due: number) => aRequest({ id: "newcomer", deadline: due });
    expect(deadline.preempts(newcomer(400_000), holder, view)).toBe(true);
    expect(deadline.preempts(newcomer(600_000), holder, view)).toBe(false);
  });
});

describe("fair shares", () => {
  const holder = aRequest({ id: "holder", tenant: heavy, generated: 1 });
  const challenger = aRequest({ id: "challenger", tenant: light, arrived: 100 });

  test("who is a quantum behind takes the slot", () => {
    expect(fair.preempts(challenger, holder, aheadBy(QUANTUM - 1))).toBe(false);
    expect(fair.preempts(challenger, holder, aheadBy(QUANTUM))).toBe(true);
    expect(priority.preempts(challenger, holder, aheadBy(QUANTUM))).toBe(false);
  });

  test("who has no slot takes one of several, unless it was served more", () => {
    const slots = (of: Record<string, number>) => ({ slotsOf: (tenant: string) => of[tenant] ?? 0 });
    expect(fair.preempts(challenger, holder, aheadBy(0, slots({ heavy: 2 })))).toBe(true);
    expect(fair.preempts(challenger, holder, aheadBy(0, slots({ heavy: 1 })))).toBe(false);
    expect(fair.preempts(challenger, holder, aheadBy(0, slots({ heavy: 2, light: 1 })))).toBe(false);
    const [ahead, behind] = [aRequest({ tenant: heavy }), aRequest({ tenant: light, generated: 1 })];
    expect(fair.preempts(ahead, behind, aheadBy(1, slots({ light: 2 })))).toBe(false);
  });

  test("who is less behind has the next turn, and who is ahead has not", () => {
    const done = { ...holder, length: holder.length + 64 };
    expect(fair.preempts(challenger, done, aheadBy(1, { turnTokens: 64 }))).toBe(true);
    const ahead = aRequest({ id: "ahead", tenant: heavy });
    const behind = aRequest({ id: "behind", tenant: light, generated: 64 });
    expect(fair.preempts(ahead, behind, aheadBy(1, { turnTokens: 64 }))).toBe(false);
  });

  test("a prompt is computed to its end", () => {
    expect(fair.preempts(challenger, { ...holder, turnStart: holder.length }, aheadBy(10 * QUANTUM))).toBe(false);
  });

  test("the quantum is in tokens of the lighter one, whose counter moves fast", () => {
    const feather = { ...holder, tenant: { name: "heavy", weight: 0.1 } };
    expect(fair.preempts(challenger, feather, aheadBy(9 * QUANTUM))).toBe(false);
    expect(fair.preempts(challenger, feather, aheadBy(10 * QUANTUM))).toBe(true);
  });
});

test("a reader without credit holds no slot against one that is as urgent", () => {
  const slow = aRequest({ id: "slow", lane: "batch", credit: 0, generated: 0 });
  const lanes = ["interactive", "batch", "background"] as const;
  const takes = lanes.map((lane) => priority.preempts(aRequest({ id: "x", lane, arrived: 9 }), slow, aView()));
  expect(takes).toEqual([true, true, false]);
});
