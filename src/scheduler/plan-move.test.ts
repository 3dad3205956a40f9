import { describe, expect, test } from "vitest";
import { planMove } from "./plan-move.ts";
import { enqueue, removeSequence, type SchedulerState } from "./state.ts";
import { aDecode, aPrompt, aSequence, aState } from "./testing.ts";

function waiting(state: SchedulerState, over: Parameters<typeof aSequence>[0]) {
  const sequence = aSequence(over);
  enqueue(state, sequence);
  return sequence;
}

/** One that has generated `generated` tokens since it got its slot. */
function aHolder(state: SchedulerState, generated: number, over: Parameters<typeof aSequence>[0] = {}) {
  const sequence = aDecode(state, over);
  return Object.assign(sequence, { turnStart: sequence.length - generated });
}

describe("an idle slot", () => {
  test("goes to the first by policy that has a reader, beside those that run", () => {
    const state = aState();
    aDecode(state);
    waiting(state, { id: "later", arrived: 5 });
    waiting(state, { id: "paused", arrived: 1, credit: 0 });
    waiting(state, { id: "first", arrived: 3 });
    waiting(state, { id: "background", arrived: 0, lane: "background" });
    expect(planMove(state, 10).move).toMatchObject({ kind: "start", sequence: { id: "first" }, slot: 1 });
  });

  test("between running ones is filled first, and what rests is spared while there is an empty one", () => {
    for (const [ended, slot] of [
      [0, 3],
      [1, 1],
    ] as const) {
      const state = aState({ plan: { slots: 5 } });
      const decodes = [aDecode(state), aDecode(state), aDecode(state)];
      waiting(state, { prompt: aPrompt(8, { stem: 1 }) });
      removeSequence(state, decodes[ended]!);
      expect(planMove(state, 0).move).toMatchObject({ kind: "start", slot });
    }
  });
});

describe("a prompt that another one is computing", () => {
  const common = 100;
  const aLeader = (state: SchedulerState, over: Parameters<typeof aSequence>[0] = {}) =>
    Object.assign(aDecode(state, { id: "leader", prompt: aPrompt(120, { common, tail: 1 }), ...over }), {
      computed: 20,
    });
  const follow = (state: SchedulerState, over: Parameters<typeof aSequence>[0] = {}) =>
    waiting(state, { id: "follower", prompt: aPrompt(120, { common, tail: 2 }), ...over });

  test("is waited for, and others are passed in before it", () => {
    const state = aState();
    const on = aLeader(state);
    const sequence = follow(state);
    expect(planMove(state, 0)).toEqual({ move: undefined, waits: [{ sequence, on, length: common }] });
    waiting(state, { id: "other", arrived: 1, prompt: aPrompt(50, { stem: 5 }) });
    expect(planMove(state, 0).move).toMatchObject({ kind: "start", sequence: { id: "other" } });
  });

  test("is not waited for when little of it is left, when it is held up, or when it is another tenant's", () => {
    const started = { kind: "start", sequence: { id: "follower" } };
    const nearlyThere = aState();
    aLeader(nearlyThere).computed = common - 31;
    follow(nearlyThere);
    expect(planMove(nearlyThere, 0).move).toMatchObject({ ...started, reuse: { length: common - 31 } });
    for (const over of [{ credit: 0 }, { lane: "batch" }, { tenant: { name: "other", weight: 1 } }] as const) {
      const state = aState();
      aLeader(state, over);
      follow(state);
      expect(planMove(state, 0).move).toMatchObject(started);
    }
  });

  test("is waited for to its end by who has the same prompt, for all but the last token", () => {
    const state = aState();
    const on = aLeader(state, { prompt: aPrompt(120) });
    on.computed = 110;
    const same = waiting(state, { prompt: aPrompt(120) });
    const beginning = waiting(state, { prompt: aPrompt(115) });
    const waits = [
      { sequence: beginning, on, length: 114 },
      { sequence: same, on, length: 119 },
    ];
    expect(planMove(state, 0)).toEqual({ move: undefined, waits });
    on.computed = 120;
    expect(planMove(state, 0).move).toMatchObject({ kind: "start", sequence: beginning, reuse: { length: 114 } });
  });

  test("of a memory that cannot be cut is waited for up to a message's end", () => {
    const state = aState({ capabilities: { trimAfterRestore: false } });
    aLeader(state, { boundaries: [70, 120] });
    follow(state);
    expect(planMove(state, 0).waits).toMatchObject([{ length: 70 }]);
    const unmarked = aState({ capabilities: { trimAfterRestore: false } });
    aLeader(unmarked);
    follow(unmarked);
    expect(planMove(unmarked, 0).move).toMatchObject({ kind: "start", reuse: { source: undefined } });
  });

  test("is no reason to take a slot from somebody", () => {
    const state = aState({ plan: { slots: 2 } });
    aLeader(state, { arrived: 5 });
    aHolder(state, 5, { id: "background", lane: "background" });
    follow(state, { arrived: 1 });
    expect(planMove(state, 6).move).toBeUndefined();
    waiting(state, { id: "other", arrived: 3 });
    expect(planMove(state, 6).move).toMatchObject({ kind: "preempt", sequence: { id: "background" } });
  });
});

describe("a slot changes hands", () => {
  test("for a higher lane: the last by policy gives it up", () => {
    const state = aState({ plan: { slots: 3 } });
    aDecode(state, { id: "interactive" });
    aDecode(state, { id: "batch", lane: "batch" });
    aDecode(state, { id: "background", lane: "background" });
    waiting(state, { id: "new", credit: 0 });
    expect(planMove(state, 0).move).toBeUndefined();
    waiting(state, { id: "newer" });
    expect(planMove(state, 0).move).toMatchObject({ kind: "preempt", sequence: { id: "background" } });
  });

  test("after a turn, and not before", () => {
    const state = aState({ plan: { slots: 1 }, scheduling: { turnTokens: 4 } });
    const holder = aHolder(state, 3);
    waiting(state, { id: "new", arrived: 1 });
    expect(planMove(state, 1).move).toBeUndefined();
    holder.turnStart--;
    expect(planMove(state, 1).move).toMatchObject({ kind: "preempt" });
  });

  test("when its reader is slow", () => {
    const state = aState({ plan: { slots: 1 }, scheduling: { turnTokens: 0 } });
    const holder = aHolder(state, 3);
    waiting(state, { id: "new", arrived: 1 });
    expect(planMove(state, 1).move).toBeUndefined();
    holder.credit = 0;
    expect(planMove(state, 1).move).toMatchObject({ kind: "preempt" });
  });

  test("not from a prompt that was lost that way before, until it has generated something", () => {
    const state = aState({ plan: { slots: 1 } });
    const holder = Object.assign(aHolder(state, 0, { lane: "background", length: 50 }), { computed: 10, lost: 30 });
    waiting(state, { id: "new" });
    expect(planMove(state, 0).move).toBeUndefined();
    holder.turnStart--;
    expect(planMove(state, 0).move).toMatchObject({ kind: "preempt" });
  });
});

describe("a gap between running sequences", () => {
  const withGap = (room: number) => {
    const state = aState();
    aDecode(state);
    const middle = aDecode(state);
    aDecode(state, { id: "high", length: 40, limit: 40 + room });
    removeSequence(state, middle);
    return Object.assign(state, { gapSteps: 4 });
  };

  test("is filled when it has stayed open for four steps", () => {
    const state = withGap(16);
    expect(planMove(state, 0).move).toMatchObject({ kind: "shift", sequence: { id: "high" }, slot: 1 });
    state.gapSteps = 3;
    expect(planMove(state, 0).move).toBeUndefined();
  });

  test("is left by one that is about to end, and above the highest is none", () => {
    expect(planMove(withGap(15), 0).move).toBeUndefined();
    const state = aState();
    aDecode(state);
    expect(planMove(Object.assign(state, { gapSteps: 9 }), 0).move).toBeUndefined();
  });
});

describe("a snapshot", () => {
  const at = (computed: number, trimAfterRestore: boolean) => {
    const state = aState({ capabilities: { trimAfterRestore } });
    Object.assign(aDecode(state, { length: 100, boundaries: [20, 60, 100] }), { computed });
    return planMove(state, 0).move?.kind;
  };

  test("is made at the end of a message, of a memory that cannot be cut", () => {
    expect([at(60, false), at(59, false), at(60, true)]).toEqual(["snapshot", undefined, undefined]);
  });

  test("is not made of little, nor where the prompt ends", () => {
    expect([at(20, false), at(100, false)]).toEqual([undefined, undefined]);
  });

  test("is not made of what is held already", () => {
    const state = aState({ capabilities: { trimAfterRestore: false } });
    const [first] = [0, 1].map(() =>
      Object.assign(aDecode(state, { length: 100, boundaries: [60] }), { computed: 60 }),
    );
    removeSequence(state, first!);
    expect(planMove(state, 0).move).toBeUndefined();
  });
});

test("planning changes nothing", () => {
  const state = aState({ plan: { slots: 1 } });
  aHolder(state, 5, { lane: "batch" });
  waiting(state, {});
  const facts = () => [state.waiting.length, state.running.length, state.slots.running, state.shares.served("someone")];
  const before = facts();
  planMove(state, 0);
  expect(facts()).toEqual(before);
});
