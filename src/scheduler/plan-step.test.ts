import { expect, test } from "vitest";
import { planStep, type StepQuestion } from "./plan-step.ts";
import type { SchedulerState } from "./state.ts";
import { shapeOf } from "./step-plan.ts";
import { aDecode, aSequence, aState } from "./testing.ts";

const noTarget = { targetItl: { kind: "off" } } as const;

function countsOf(state: SchedulerState, over: Partial<StepQuestion> & { prefillTokens?: number } = {}) {
  const { prefillTokens = 512, ...rest } = over;
  const plan = planStep(state, { limits: { prefillTokens }, waits: [], spentMs: 0, now: 0, ...rest });
  return plan.items.map(({ sequence, count }) => [sequence.id, count]);
}

/** One that runs and has computed so much of its prompt. */
function aPrefill(state: SchedulerState, computed: number, over: Parameters<typeof aSequence>[0]) {
  return Object.assign(aDecode(state, over), { computed });
}

test("a long prompt is chunked beside a running decode, and goes on where its last chunk ended", () => {
  const state = aState({ scheduling: noTarget });
  aDecode(state, { id: "decode" });
  const long = aPrefill(state, 0, { id: "long", length: 1000 });
  expect(countsOf(state)).toEqual([
    ["decode", 1],
    ["long", 512],
  ]);
  long.computed = 960;
  expect(planStep(state, { limits: { prefillTokens: 512 }, waits: [], spentMs: 0, now: 0 }).items[1]).toMatchObject({
    from: 960,
    count: 40,
  });
});

test("a decode takes part whatever prefills there are; prompts share the limit in the order of the policy", () => {
  const state = aState({ scheduling: noTarget });
  aPrefill(state, 45, { id: "second", length: 50, arrived: 2 });
  aPrefill(state, 45, { id: "first", length: 50, arrived: 1 });
  aDecode(state, { id: "decode" });
  expect(countsOf(state, { prefillTokens: 7 })).toEqual([
    ["second", 2],
    ["first", 5],
    ["decode", 1],
  ]);
  expect(countsOf(state, { prefillTokens: 5 })).toHaveLength(2);
});

test("the batch lists slots in ascending order", () => {
  const state = aState();
  for (const id of ["a", "b", "c"]) aDecode(state, { id });
  state.running.reverse();
  expect(countsOf(state).map(([id]) => id)).toEqual(["a", "b", "c"]);
});

test("a sequence without credit pauses and keeps its slot", () => {
  const state = aState();
  aDecode(state, { id: "paused", credit: 0 });
  aDecode(state, { id: "other" });
  expect(countsOf(state)).toEqual([["other", 1]]);
  expect(state.slots.running).toBe(2);
});

test("a target between tokens makes the chunk small while something decodes, and only then", () => {
  const state = aState({ scheduling: { targetItl: { kind: "ms", ms: 1 } } });
  aPrefill(state, 0, { id: "long", length: 1000 });
  expect(countsOf(state)).toEqual([["long", 512]]);
  aDecode(state, { id: "decode" });
  expect(Number(countsOf(state)[0]![1])).toBeLessThan(32);
});

test("decodes of a lower lane wait for a prompt of a higher one; a prompt of a lower lane takes small chunks", () => {
  const state = aState({ scheduling: noTarget });
  aDecode(state, { id: "slow", lane: "background" });
  const prompt = aPrefill(state, 0, { id: "prompt", length: 300 });
  expect(countsOf(state)).toEqual([["prompt", 300]]);
  state.running.splice(state.running.indexOf(prompt), 1);
  aPrefill(state, 0, { id: "batch", length: 300, lane: "batch" });
  expect(Number(countsOf(state)[0]![1])).toBeLessThan(100);
});

test("a chunk ends where others wait to take over, and where a memory that cannot be cut is to be saved", () => {
  const state = aState({ scheduling: noTarget });
  const leader = aPrefill(state, 10, { id: "leader", length: 200, boundaries: [90, 150] });
  const waits = [{ sequence: aSequence(), on: leader, length: 130 }];
  expect(countsOf(state, { waits })).toEqual([["leader", 120]]);
  expect(countsOf(state)).toEqual([["leader", 190]]);
  expect(countsOf(state, { waits: [{ ...waits[0]!, length: 180 }] })).toEqual([["leader", 190]]);

  const exact = aState({ scheduling: noTarget, capabilities: { trimAfterRestore: false } });
  aPrefill(exact, 10, { id: "leader", length: 200, boundaries: [90, 150] });
  expect(countsOf(exact)).toEqual([["leader", 80]]);
});

test("the shape of a plan tells prompts from decodes, and what each attends over", () => {
  const state = aState({ scheduling: noTarget });
  aDecode(state, { length: 21 });
  aPrefill(state, 7, { length: 10 });
  const plan = planStep(state, { limits: { prefillTokens: 512 }, waits: [], spentMs: 0, now: 0 });
  const prefillContext = 7 + 8 + 9;
  const singles = { decodes: 1, singleContext: 20, runs: [2] };
  expect(shapeOf(plan)).toEqual({ prefills: 1, prefillTokens: 3, prefillContext, ...singles });
});

test("while others of the lane wait for a slot, a relative target does not make chunks small; one in ms does", () => {
  for (const [targetItl, isSmall] of [
    [{ kind: "times", times: 3 }, false],
    [{ kind: "ms", ms: 1 }, true],
  ] as const) {
    const state = aState({ scheduling: { targetItl } });
    aDecode(state, { id: "decode" });
    aPrefill(state, 0, { id: "long", length: 1000 });
    expect(countsOf(state)[1]![1]).toBeLessThan(32);
    state.waiting.push(aSequence());
    if (isSmall) expect(countsOf(state)[1]![1]).toBeLessThan(32);
    else expect(countsOf(state)[1]![1]).toBe(256);
  }
});

test("tokens that followed from a stream's last one are computed with it, beside a prompt and as many as a pass has room for", () => {
  const state = aState({ scheduling: noTarget });
  const forced = aDecode(state, { id: "forced", length: 10, limit: 100 });
  Object.assign(forced, { computed: 10, length: 15 });
  const long = Object.assign(aDecode(state, { id: "long", length: 300 }), { computed: 0 });
  expect(countsOf(state)).toEqual([
    ["forced", 5],
    ["long", 300],
  ]);
  Object.assign(long, { slot: undefined });
  state.running.pop();
  expect(countsOf(state, { prefillTokens: 3 })).toEqual([["forced", 3]]);
});
