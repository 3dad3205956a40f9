import { expect, test } from "vitest";
import { planStep } from "./plan-step.ts";
import { removeSequence } from "./state.ts";
import { aDecode, aSequence, aState } from "./testing.ts";

test("a long prompt is chunked beside a running decode", () => {
  const state = aState();
  aDecode(state);
  state.waiting.push(aSequence({ length: 4000, limit: 5000 }));
  const plan = planStep(state, { prefillTokens: 512 });
  expect(plan.items.map((item) => item.count)).toEqual([1, 512]);
});

test("a prompt goes on where its last chunk ended", () => {
  const state = aState();
  const sequence = aDecode(state, { length: 100, limit: 200 });
  sequence.computed = 30;
  const plan = planStep(state, { prefillTokens: 40 });
  expect(plan.items).toMatchObject([{ from: 30, count: 40 }]);
});

test("a decode takes part whatever prefills wait; prompts share the limit in order of arrival", () => {
  const state = aState();
  for (const id of ["first", "second"]) aDecode(state, { id, length: 50 }).computed = 45;
  aDecode(state, { id: "decode" });
  const plan = planStep(state, { prefillTokens: 7 });
  expect(plan.items.map((item) => [item.sequence.id, item.count])).toEqual([
    ["first", 5],
    ["second", 2],
    ["decode", 1],
  ]);
  expect(planStep(state, { prefillTokens: 5 }).items).toHaveLength(2);
});

test("the batch lists slots in ascending order, and the lowest free ones are taken first", () => {
  const state = aState();
  const [a, b] = [aDecode(state, { id: "a" }), aDecode(state, { id: "b" }), aDecode(state, { id: "c" })];
  removeSequence(state, b);
  removeSequence(state, a);
  state.waiting.push(aSequence({ id: "d" }), aSequence({ id: "e" }));
  const plan = planStep(state, { prefillTokens: 512 });
  expect(plan.items.map((item) => [item.sequence.id, item.slot])).toEqual([
    ["d", 0],
    ["e", 1],
    ["c", 2],
  ]);
});

test("first come, first served: waiting sequences get free slots in their order", () => {
  const state = aState(2);
  for (const id of ["a", "b", "c"]) state.waiting.push(aSequence({ id }));
  const plan = planStep(state, { prefillTokens: 512 });
  expect(plan.starts.map((start) => start.sequence.id)).toEqual(["a", "b"]);
  expect(new Set(plan.starts.map((start) => start.slot)).size).toBe(2);
});

test("a sequence without credit pauses and keeps its slot", () => {
  const state = aState();
  aDecode(state, { id: "paused", credit: 0 });
  aDecode(state, { id: "other" });
  const plan = planStep(state, { prefillTokens: 512 });
  expect(plan.items.map((item) => item.sequence.id)).toEqual(["other"]);
  expect(state.slots.held).toBe(2);
});

test("planning changes nothing", () => {
  const state = aState();
  state.waiting.push(aSequence());
  const before = structuredClone({ waiting: state.waiting.length, running: state.running.length });
  planStep(state, { prefillTokens: 512 });
  expect({ waiting: state.waiting.length, running: state.running.length }).toEqual(before);
  expect(state.slots.free).toBe(4);
});
