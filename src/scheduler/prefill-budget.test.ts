import fc from "fast-check";
import { expect, test } from "vitest";
import type { InterTokenTarget } from "../core/scheduling.ts";
import { leastChunk, prefillBudget, type BudgetQuestion } from "./prefill-budget.ts";
import { contextOf, StepCost, type StepShape } from "./step-cost.ts";

/** A decode takes 4 ms and 0.5 more each, a prefill 5 and 0.5 per token, 0.1 more for each thousand tokens before it. */
function msOf({ prefills, prefillTokens, prefillContext, decodes, singleContext }: StepShape): number {
  const decode = decodes > 0 ? 4 + 0.5 * decodes + 1e-3 * singleContext : 0;
  return decode + (prefills > 0 ? 5 + 0.5 * prefillTokens + 1e-4 * prefillContext : 0);
}

const shape = (from: number, count: number, decodes: number): StepShape => ({
  prefills: count > 0 ? 1 : 0,
  prefillTokens: count,
  prefillContext: contextOf(from, count),
  decodes,
  singleContext: decodes * 500,
  runs: decodes > 0 ? [decodes + (count > 0 ? 1 : 0)] : [],
});

function learned(): StepCost {
  const cost = new StepCost();
  for (let i = 0; i < 300; i++) {
    const step = shape((i * 97) % 1500, i % 3 === 0 ? 0 : 1 + ((i * 61) % 500), i % 3 === 1 ? 0 : 1 + (i % 8));
    cost.observe(step, msOf(step));
  }
  return cost;
}

const cost = learned();
const aQuestion = (over: Partial<BudgetQuestion> = {}): BudgetQuestion => ({
  cost,
  target: { kind: "times", times: 3 },
  spentMs: 0,
  decodes: 4,
  decodeContext: 2000,
  from: 0,
  most: 512,
  ...over,
});

const targets: Record<"times" | "ms", (value: number) => InterTokenTarget> = {
  times: (times) => ({ kind: "times", times }),
  ms: (ms) => ({ kind: "ms", ms }),
};

const questions = fc.record({
  decodes: fc.integer({ min: 1, max: 16 }),
  decodeContext: fc.nat(20_000),
  from: fc.nat(8000),
  most: fc.integer({ min: 1, max: 2048 }),
  spentMs: fc.constant(0),
});

test("without a target, or nobody to wait, all that is left goes into the step", () => {
  expect(prefillBudget(aQuestion({ target: { kind: "off" } }))).toBe(512);
  expect(prefillBudget(aQuestion({ decodes: 0, decodeContext: 0 }))).toBe(512);
});

test("what fits as a whole is not cut", () => {
  expect(prefillBudget(aQuestion({ target: { kind: "ms", ms: 1000 }, most: 203 }))).toBe(203);
});

test("a target in ms is kept closely", () => {
  const budget = prefillBudget(aQuestion({ target: { kind: "ms", ms: 100 } }));
  const ms = msOf(shape(0, budget, 4));
  expect(ms).toBeGreaterThan(85);
  expect(ms).toBeLessThan(105);
});

test("what moves took before the step is missing in it", () => {
  const target = { kind: "ms", ms: 100 } as const;
  expect(prefillBudget(aQuestion({ target, spentMs: 40 }))).toBe(
    prefillBudget(aQuestion({ target: { kind: "ms", ms: 60 } })),
  );
  expect(prefillBudget(aQuestion({ target, spentMs: 200 }))).toBe(1);
});

test("the second pass is of whole tiles, or of whole groups", () => {
  for (let ms = 20; ms < 200; ms += 5) {
    const second = prefillBudget(aQuestion({ target: { kind: "ms", ms } })) - 1;
    expect(second % (second > 64 ? 16 : 4)).toBe(0);
  }
});

test("a prompt gets on, however little is allowed", () => {
  expect(prefillBudget(aQuestion({ target: { kind: "ms", ms: 1 } }))).toBe(leastChunk);
  expect(prefillBudget(aQuestion({ target: { kind: "ms", ms: 1 }, most: 2 }))).toBe(2);
});

test("deep in a prompt a single token may be all that fits", () => {
  const question = aQuestion({ from: 200_000, target: { kind: "ms", ms: 45 } });
  expect(prefillBudget(question)).toBe(1);
  expect(prefillBudget({ ...question, target: { kind: "ms", ms: 1 } })).toBe(leastChunk);
});

test("a relative target of a fast machine is not stricter than readers are", () => {
  const strict = prefillBudget(aQuestion({ target: { kind: "times", times: 1 } }));
  expect(strict).toBe(prefillBudget(aQuestion({ target: { kind: "ms", ms: 40 } })));
});

test("what it gives fits, or is the least; it never exceeds the most", () => {
  fc.assert(
    fc.property(questions, fc.double({ min: 1, max: 500, noNaN: true }), (question, ms) => {
      const { from, most, decodes, decodeContext } = question;
      const count = prefillBudget({ ...question, cost, target: { kind: "ms", ms } });
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThanOrEqual(most);
      const step = {
        prefills: 1,
        prefillTokens: count,
        prefillContext: contextOf(from, count),
        decodes,
        singleContext: decodeContext,
        runs: [decodes + 1],
      };
      if (count > leastChunk) expect(cost.predict(step)).toBeLessThanOrEqual(ms);
    }),
  );
});

test("whoever allows more gets no less", () => {
  const value = fc.double({ min: 1, max: 500, noNaN: true });
  fc.assert(
    fc.property(questions, fc.constantFrom("times", "ms"), fc.tuple(value, value), (question, kind, values) => {
      const [less, more] = values
        .toSorted((a, b) => a - b)
        .map((limit) => prefillBudget({ ...question, cost, target: targets[kind](limit) }));
      // Where nothing fits it is not about the target any more.
      if (less! > leastChunk) expect(more!).toBeGreaterThanOrEqual(less!);
    }),
  );
});

test("before anything is known it is careful", () => {
  expect(prefillBudget(aQuestion({ cost: new StepCost(), target: { kind: "ms", ms: 100 } }))).toBeLessThan(32);
});
