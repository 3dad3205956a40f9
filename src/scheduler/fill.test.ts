import { expect, test } from "vitest";
import { fill } from "./fill.ts";
import { planStep } from "./plan-step.ts";
import { decodesOf, emptyShape } from "./step-cost.ts";
import { aDecode, aState } from "./testing.ts";
import type { SchedulerState } from "./state.ts";

/** Four tokens at once take little more than one, as in llama.cpp; and so it was measured. */
function aStateThatKnows(over: Parameters<typeof aState>[0] = {}, ofGroup = 3): SchedulerState {
  const state = aState({ plan: { slots: 9 }, ...over });
  for (let i = 0; i < 300; i++) {
    const runs = i % 5 === 0 ? [3, 2] : [1 + (i % 9)];
    const decodes = i % 7 === 0 ? 1 : runs.reduce((sum, run) => sum + run, 0);
    const msOf = (run: number) => 3 + ofGroup * Math.floor(run / 4) + 2 * (run % 4);
    state.cost.observe(
      { ...emptyShape, runs, decodes, singleContext: 8 * decodes },
      runs.reduce((sum, run) => sum + msOf(run), 0),
    );
  }
  return state;
}

function fillersFor(state: SchedulerState): readonly { slot: number; from: number }[] {
  return planStep(state, { limits: { prefillTokens: 512 }, waits: [], spentMs: 0, now: 0 }).fillers;
}

/** Sequences that decode in all slots up to the highest of these, but only these have credit. */
function decodesIn(state: SchedulerState, slots: readonly number[]): void {
  for (let slot = 0; slot <= Math.max(...slots); slot++)
    aDecode(state, { id: `${slot}`, credit: slots.includes(slot) ? Infinity : 0 });
}

test("seven decodes become eight; eight, and few ones, stay as they are", () => {
  for (const [decodes, expected] of [
    [7, [{ slot: 7, from: 0 }]],
    [8, []],
    [1, []],
  ] as const) {
    const state = aStateThatKnows();
    decodesIn(
      state,
      Array.from({ length: decodes }, (_, slot) => slot),
    );
    expect(fillersFor(state)).toEqual(expected);
  }
});

test("a gap is closed behind what its slot holds", () => {
  const state = aStateThatKnows();
  decodesIn(state, [0, 1, 3]);
  expect(fillersFor(state)).toEqual([{ slot: 2, from: 7 }]);
});

test("nothing is filled where a group costs as much as its tokens, where nothing was measured, or memory cannot be cut", () => {
  const states = [
    aStateThatKnows({}, 8),
    aState({ plan: { slots: 9 } }),
    aStateThatKnows({ capabilities: { trimAfterRestore: false } }),
  ];
  for (const state of states) {
    decodesIn(state, [0, 1, 2, 3, 4, 5, 6]);
    expect(fillersFor(state)).toEqual([]);
  }
});

test("a prompt alone is left alone", () => {
  const state = aStateThatKnows();
  const sequence = Object.assign(aDecode(state, { length: 100 }), { computed: 0 });
  const items = [{ sequence, slot: 0, from: 0, count: 100 }];
  expect(fill(state, items)).toEqual({ items, fillers: [] });
});

test("the cost of single tokens depends on how they lie", () => {
  const { cost } = aStateThatKnows();
  expect(cost.predict({ ...decodesOf(5, 40), runs: [3, 2] })).toBeGreaterThan(cost.predict(decodesOf(5, 40)));
});
