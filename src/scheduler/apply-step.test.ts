import { expect, test } from "vitest";
import { applyStarts, applyStep } from "./apply-step.ts";
import { planStep } from "./plan-step.ts";
import type { Sequence } from "./sequence.ts";
import { checkConservation, type SchedulerState } from "./state.ts";
import { aSequence, aState } from "./testing.ts";

function stepOnce(state: SchedulerState, prefillTokens = 512): string[] {
  const plan = planStep(state, { prefillTokens });
  applyStarts(state, plan);
  const events = applyStep(state, plan, { status: "done", logits: () => new Float32Array(0) });
  checkConservation(state);
  return events.map((event) => (event.type === "token" ? `${event.token}` : event.reason));
}

function stateWith(sequence: Sequence): SchedulerState {
  const state = aState();
  state.waiting.push(sequence);
  return state;
}

test("nothing is sampled before the whole prompt is computed", () => {
  const state = stateWith(aSequence({ length: 10, sample: () => 7 }));
  expect(stepOnce(state, 6)).toEqual([]);
  expect(stepOnce(state, 6)).toEqual(["7"]);
});

test("the token that ends generation is counted and ends with stop", () => {
  const state = stateWith(aSequence({ length: 3, sample: () => 0 }));
  expect(stepOnce(state)).toEqual(["0", "stop"]);
  expect(state.slots.free).toBe(4);
});

test("the last token that fits ends with length", () => {
  const state = stateWith(aSequence({ length: 3, limit: 5, sample: () => 7 }));
  expect(stepOnce(state)).toEqual(["7"]);
  expect(stepOnce(state)).toEqual(["7", "length"]);
});

test("each token costs one credit", () => {
  const sequence = aSequence({ length: 3, credit: 2, sample: () => 7 });
  const state = stateWith(sequence);
  expect([stepOnce(state), stepOnce(state), stepOnce(state)]).toEqual([["7"], ["7"], []]);
  expect(sequence.credit).toBe(0);
});
