import { expect, test } from "vitest";
import { applyStep, expire } from "./apply-step.ts";
import { planStep } from "./plan-step.ts";
import type { Sequence } from "./sequence.ts";
import { checkConservation, enqueue, type SchedulerState } from "./state.ts";
import { aDecode, aMachine, aSequence, aTenant, settle } from "./testing.ts";

function machineWith(sequence: Sequence): () => string[] {
  const { state, engine } = aMachine();
  enqueue(state, sequence);
  return () => {
    settle(state, engine);
    return stepOnce(state);
  };
}

function stepOnce(state: SchedulerState, now = 0): string[] {
  const plan = planStep(state, { limits: { prefillTokens: 6 }, waits: [], spentMs: 0, now });
  const output = { status: "done", logits: () => new Float32Array(0) } as const;
  const events = applyStep(state, plan, { output, now });
  checkConservation(state);
  return events.map((event) =>
    event.type === "token" ? `${event.token}` : event.type === "finished" ? event.reason : event.type,
  );
}

test("nothing is sampled before the whole prompt is computed", () => {
  const step = machineWith(aSequence({ length: 10, sample: () => 7 }));
  expect([step(), step()]).toEqual([[], ["7"]]);
});

test("the token that ends generation is counted and ends with stop; the last that fits ends with length", () => {
  expect(machineWith(aSequence({ length: 3, sample: () => 0 }))()).toEqual(["0", "stop"]);
  const step = machineWith(aSequence({ length: 3, limit: 5, sample: () => 7 }));
  expect([step(), step()]).toEqual([["7"], ["7", "length"]]);
});

test("each token costs one credit", () => {
  const sequence = aSequence({ length: 3, credit: 2, sample: () => 7 });
  const step = machineWith(sequence);
  expect([step(), step(), step()]).toEqual([["7"], ["7"], []]);
  expect(sequence.credit).toBe(0);
});

test("what a token forces follows it unsampled and is computed with it; credit may fall below 0, the limit holds", () => {
  const forced = () => Int32Array.of(8, 9);
  const sequence = aSequence({ length: 3, limit: 10, credit: 2, sample: () => 7, forced });
  const step = machineWith(sequence);
  expect([step(), step()]).toEqual([["7", "8", "9"], []]);
  expect([sequence.credit, sequence.length - sequence.computed]).toEqual([-1, 3]);
  sequence.credit = 10;
  expect([step(), step()]).toEqual([
    ["7", "8", "9"],
    ["7", "length"],
  ]);
  const ending = machineWith(aSequence({ length: 3, sample: () => 0, forced }));
  expect(ending()).toEqual(["0", "stop"]);
});

test("what is computed is charged to the tenant, prompt and answer, and resets the age of its lane", () => {
  const { state } = aMachine({ scheduling: { ageingMs: 100 } });
  state.laneAges.present(new Set(["batch"]), 0);
  aDecode(state, { tenant: aTenant("a"), lane: "batch" });
  Object.assign(aDecode(state, { tenant: aTenant("b", 2), length: 6 }), { computed: 0, lane: "batch" });
  expect(state.laneAges.rank("batch", 250)).toBe(-1);
  stepOnce(state, 250);
  expect(state.laneAges.rank("batch", 250)).toBe(1);
  expect([state.shares.served("a"), state.shares.served("b")]).toEqual([2, 3]);
});

test("answers say how long answers are", () => {
  const { state } = aMachine();
  const before = state.answerTokens;
  Object.assign(aDecode(state, { length: 8, sample: () => 0 }));
  stepOnce(state);
  expect(state.answerTokens).toBeCloseTo(before + 0.05 * (1 - before));
});

test("what has passed its deadline ends, waiting or running, and frees its slot", () => {
  const { state } = aMachine();
  const [late, early] = [aDecode(state, { id: "late", deadline: 10 }), aDecode(state, { id: "early", deadline: 11 })];
  const queued = aSequence({ id: "queued", deadline: 9 });
  enqueue(state, queued);
  expect(expire(state, 8)).toEqual([]);
  expect(expire(state, 10)).toEqual([
    { type: "expired", sequence: late },
    { type: "expired", sequence: queued },
  ]);
  expect([state.running, state.waiting, late.slot]).toEqual([[early], [], undefined]);
  checkConservation(state);
});

test("steps with an idle slot between running ones are counted", () => {
  const { state } = aMachine();
  aDecode(state, { sample: () => 7 });
  const middle = aDecode(state, { sample: () => 0 });
  aDecode(state, { sample: () => 7 });
  stepOnce(state);
  expect([middle.slot, state.gapSteps]).toEqual([undefined, 1]);
  stepOnce(state);
  expect(state.gapSteps).toBe(2);
});
