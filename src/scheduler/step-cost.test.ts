import fc from "fast-check";
import { expect, test } from "vitest";
import { contextOf, emptyShape, StepCost, type StepShape } from "./step-cost.ts";

/** What costs how much on a machine, in ms. */
interface Machine {
  readonly pass: number;
  readonly group: number;
  readonly left: number;
  readonly logits: number;
  /** Per thousand tokens before, in a pass of less than a tile. */
  readonly context: number;
}

/** About what SmolLM2-135M in Q4_0 takes on two cores. */
const small: Machine = { pass: 2, group: 2.4, left: 1.6, logits: 1, context: 2 };

/** The passes of a step, one by one: the decodes with a token of each prompt, then what is left of the prompts. */
function msOf(machine: Machine, { decodes, prompt }: Step): number {
  const ms = (sequences: readonly { from: number; count: number }[]): number => {
    const tokens = sequences.reduce((sum, { count }) => sum + count, 0);
    if (tokens === 0) return 0;
    const context = sequences.reduce((sum, { from, count }) => sum + contextOf(from, count), 0);
    const weights = machine.pass * (tokens > 4 && tokens % 4 > 0 ? 2 : 1);
    const attention = (machine.context * context) / (sequences[0]!.count < 64 ? 1000 : 4000);
    return weights + Math.floor(tokens / 4) * machine.group + (tokens % 4) * machine.left + attention;
  };
  const first = decodes.map((from) => ({ from, count: 1 }));
  if (decodes.length === 0) return prompt === undefined ? 0 : ms([prompt]);
  const beside = prompt === undefined ? [] : [{ ...prompt, count: 1 }];
  const second = prompt === undefined ? 0 : ms([{ from: prompt.from + 1, count: prompt.count - 1 }]);
  return ms([...first, ...beside]) + second + machine.logits * decodes.length;
}

interface Step {
  /** Tokens before each. */
  readonly decodes: readonly number[];
  readonly prompt: { readonly from: number; readonly count: number } | undefined;
}

function shapeOf({ decodes, prompt }: Step): StepShape {
  return {
    prefills: prompt === undefined ? 0 : 1,
    prefillTokens: prompt?.count ?? 0,
    prefillContext: prompt === undefined ? 0 : contextOf(prompt.from, prompt.count),
    decodes: decodes.length,
    decodeContext: decodes.reduce((sum, context) => sum + context, 0),
  };
}

const machines: fc.Arbitrary<Machine> = fc
  .record({
    speed: fc.double({ min: -2, max: 3, noNaN: true }).map((power) => 10 ** power),
    pass: fc.double({ min: 0.5, max: 10, noNaN: true }),
    group: fc.double({ min: 0.5, max: 5, noNaN: true }),
    left: fc.double({ min: 0.5, max: 5, noNaN: true }),
    logits: fc.double({ min: 0, max: 2, noNaN: true }),
    context: fc.double({ min: 0, max: 5, noNaN: true }),
  })
  .map(({ speed, ...costs }) => ({
    pass: costs.pass * speed,
    group: costs.group * speed,
    left: costs.left * speed,
    logits: costs.logits * speed,
    context: costs.context * speed,
  }));

/** Numbers in 0..1, the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function someStep(random: () => number): Step {
  const kind = random();
  const count = kind < 0.3 ? 0 : 1 + Math.floor(8 * random());
  const decodes = Array.from({ length: count }, () => 64 + Math.floor(1400 * random()));
  const prompt = kind < 0.6 ? { from: Math.floor(1500 * random()), count: 2 + Math.floor(500 * random()) } : undefined;
  return { decodes, prompt };
}

/** 5 % of noise; one step in 50 takes 20 times as long. */
function measured(ms: number, random: () => number): number {
  const normal = (random() + random() + random() + random() - 2) * Math.sqrt(3);
  return ms * Math.exp(0.05 * normal) * (random() < 0.02 ? 20 : 1);
}

function errorsOf(cost: StepCost, machine: Machine, random: () => number): number[] {
  return Array.from({ length: 200 }, () => {
    const step = someStep(random);
    return Math.abs(cost.predict(shapeOf(step)) / msOf(machine, step) - 1);
  }).toSorted((a, b) => a - b);
}

function learn(cost: StepCost, machine: Machine, { steps, random }: { steps: number; random: () => number }): void {
  for (let i = 0; i < steps; i++) {
    const step = someStep(random);
    cost.observe(shapeOf(step), measured(msOf(machine, step), random));
  }
}

test("after 100 noisy steps most predictions are within a tenth, whatever the machine", () => {
  fc.assert(
    fc.property(machines, fc.integer(), (machine, seed) => {
      const random = generator(seed);
      const cost = new StepCost();
      learn(cost, machine, { steps: 100, random });
      const errors = errorsOf(cost, machine, random);
      expect(errors[100]).toBeLessThan(0.1);
      expect(errors[180]).toBeLessThan(0.2);
    }),
  );
});

test("50 steps after the machine became twice as slow, or as fast, it is known", () => {
  fc.assert(
    fc.property(machines, fc.constantFrom(0.5, 2), fc.integer(), (before, times, seed) => {
      const random = generator(seed);
      const cost = new StepCost();
      learn(cost, before, { steps: 200, random });
      const after = { ...before };
      for (const key of ["pass", "group", "left", "logits", "context"] as const) after[key] = before[key] * times;
      learn(cost, after, { steps: 50, random });
      expect(errorsOf(cost, after, random)[100]).toBeLessThan(0.15);
    }),
  );
});

test("the first step outweighs what was assumed", () => {
  fc.assert(
    fc.property(machines, fc.integer(), (machine, seed) => {
      const step = someStep(generator(seed));
      const cost = new StepCost();
      cost.observe(shapeOf(step), msOf(machine, step));
      expect(cost.predict(shapeOf(step)) / msOf(machine, step)).toBeCloseTo(1, 1);
    }),
  );
});

test("a first step 20 times too long is made good by the next three", () => {
  const step: Step = { decodes: [], prompt: { from: 0, count: 128 } };
  const cost = new StepCost();
  cost.observe(shapeOf(step), 20 * msOf(small, step));
  for (let i = 0; i < 3; i++) cost.observe(shapeOf(step), msOf(small, step));
  expect(cost.predict(shapeOf(step)) / msOf(small, step)).toBeCloseTo(1, 1);
});

test("ten thousand equal steps leave the rest as it was, and what changes then is soon known", () => {
  const random = generator(5);
  const cost = new StepCost();
  learn(cost, small, { steps: 200, random });
  const same: Step = { decodes: [300, 400, 500], prompt: undefined };
  for (let i = 0; i < 10_000; i++) cost.observe(shapeOf(same), measured(msOf(small, same), random));
  expect(errorsOf(cost, small, random)[100]).toBeLessThan(0.1);
  const slow: Machine = { pass: 4, group: 4.8, left: 3.2, logits: 2, context: 4 };
  learn(cost, slow, { steps: 50, random });
  expect(errorsOf(cost, slow, random)[100]).toBeLessThan(0.15);
});

test("whatever it is told, it predicts no negative time, and no less for more context", () => {
  const shapes = fc
    .record({
      decodes: fc.array(fc.nat(100_000), { maxLength: 64 }),
      prompt: fc.option(fc.record({ from: fc.nat(100_000), count: fc.integer({ min: 2, max: 4096 }) }), {
        nil: undefined,
      }),
    })
    .map(shapeOf);
  const times = fc.oneof(
    fc.double({ min: 0, max: 1e6, noNaN: true }),
    fc.constantFrom(0, -1, Number.NaN, Infinity, 1e-3, 1e5),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(shapes, times), { maxLength: 200 }), shapes, fc.nat(1e6), (seen, shape, more) => {
      const cost = new StepCost();
      for (const [of, ms] of seen) cost.observe(of, ms);
      const ms = cost.predict(shape);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan(Infinity);
      const decodeContext = shape.decodeContext + (shape.decodes > 0 ? more : 0);
      const prefillContext = shape.prefillContext + (shape.prefills > 0 ? more : 0);
      expect(cost.predict({ ...shape, decodeContext, prefillContext })).toBeGreaterThanOrEqual(ms * (1 - 1e-9));
      for (const [of] of seen) expect(cost.predict(of)).toBeGreaterThanOrEqual(0);
    }),
  );
});

test("nothing takes no time", () => {
  expect(new StepCost().predict(emptyShape)).toBe(0);
});

test("it says what it has seen a few steps of", () => {
  const cost = new StepCost();
  expect([cost.knowsPrefill, cost.knowsDecode]).toEqual([false, false]);
  for (let i = 0; i < 3; i++) cost.observe({ ...emptyShape, decodes: 1, decodeContext: 100 + i }, 5);
  expect([cost.knowsPrefill, cost.knowsDecode]).toEqual([false, true]);
  for (let i = 0; i < 3; i++) cost.observe(shapeOf({ decodes: [100], prompt: { from: 0, count: 64 } }), 50);
  expect([cost.knowsPrefill, cost.knowsDecode]).toEqual([true, true]);
});
