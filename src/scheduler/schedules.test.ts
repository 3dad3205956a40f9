import fc from "fast-check";
import { expect, test } from "vitest";
import { applyStarts, applyStep, samplesAfter } from "./apply-step.ts";
import { planStep } from "./plan-step.ts";
import { pending, type Sequence } from "./sequence.ts";
import { checkConservation, removeSequence, type SchedulerState } from "./state.ts";
import { aSequence, aState, ToyEngine } from "./testing.ts";

/** A sequence arrives before step `arrival`, gets `credit` tokens each step, and is cancelled before step `cancel`. */
const arrivals = fc.array(
  fc.record({
    arrival: fc.nat(30),
    prompt: fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 40 }),
    room: fc.integer({ min: 1, max: 30 }),
    creditPerStep: fc.integer({ min: 1, max: 3 }),
    cancel: fc.option(fc.nat(60), { nil: undefined, freq: 4 }),
  }),
  { maxLength: 12 },
);

const machine = fc.record({ slots: fc.integer({ min: 1, max: 5 }), prefillTokens: fc.integer({ min: 5, max: 64 }) });

type Arrival = typeof arrivals extends fc.Arbitrary<infer A extends readonly unknown[]> ? A[number] : never;

/** Runs one schedule to its end; gives each answer's tokens and its reason (undefined: cancelled). */
function runSchedule(list: readonly Arrival[], { slots, prefillTokens }: { slots: number; prefillTokens: number }) {
  const state = aState(slots);
  const engine = new ToyEngine(slots);
  const sequences = list.map(({ prompt, room }, index) =>
    aSequence({ id: `${index}`, prompt: Int32Array.from(prompt), limit: prompt.length + room, credit: 0 }),
  );
  const reasons = new Map<Sequence, string>();
  for (let step = 0; step < 2000; step++) {
    list.forEach(({ arrival, cancel, creditPerStep }, index) => {
      const sequence = sequences[index]!;
      if (arrival === step && cancel !== 0) state.waiting.push(sequence);
      if (cancel === step) removeSequence(state, sequence);
      if (arrival <= step) sequence.credit += creditPerStep;
    });
    for (const [sequence, reason] of stepOnce(state, engine, prefillTokens)) {
      expect(reasons.has(sequence)).toBe(false); // it ends exactly once
      reasons.set(sequence, reason);
    }
    if (step > 60 && state.running.length === 0 && state.waiting.length === 0) break;
  }
  expect([state.running, state.waiting]).toEqual([[], []]);
  return sequences.map((sequence) => ({
    reason: reasons.get(sequence),
    answer: [...sequence.tokens.subarray(sequence.promptLength, sequence.length)],
  }));
}

function stepOnce(state: SchedulerState, engine: ToyEngine, prefillTokens: number): [Sequence, string][] {
  const plan = planStep(state, { prefillTokens });
  const prefills = plan.items.filter((item) => pending(item.sequence) > 1);
  expect(prefills.reduce((sum, item) => sum + item.count, 0)).toBeLessThanOrEqual(prefillTokens);
  for (const { slot } of plan.starts) engine.trim(slot, 0);
  applyStarts(state, plan);
  const output = engine.step(
    plan.items.map((item) => ({
      ...item,
      tokens: item.sequence.tokens,
      outputs: samplesAfter(item) ? "last" : "none",
    })),
  );
  for (const { sequence, slot, from, count } of plan.items) {
    expect(engine.contents(slot)).toEqual(sequence.tokens.slice(0, from + count));
  }
  const ended = applyStep(state, plan, output).filter((event) => event.type === "finished");
  checkConservation(state);
  for (const sequence of state.running) expect(sequence.credit).toBeGreaterThanOrEqual(0);
  return ended.map((event) => [event.sequence, event.reason]);
}

test("any schedule: slots are conserved, every request ends exactly once, nobody starves", () => {
  fc.assert(
    fc.property(arrivals, machine, (list, limits) => {
      const results = runSchedule(list, limits);
      list.forEach(({ cancel }, index) => {
        if (cancel === undefined) expect(results[index]!.reason).toMatch(/stop|length/);
      });
    }),
    { numRuns: 300 },
  );
});

test("an answer does not depend on slots, chunks, neighbours or order", () => {
  fc.assert(
    fc.property(arrivals, machine, (list, limits) => {
      const results = runSchedule(list, limits);
      list.forEach((arrival, index) => {
        if (arrival.cancel !== undefined) return;
        const [alone] = runSchedule([{ ...arrival, arrival: 0 }], { slots: 1, prefillTokens: 512 });
        expect(results[index]).toEqual(alone);
      });
    }),
    { numRuns: 300 },
  );
});
