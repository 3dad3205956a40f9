import fc from "fast-check";
import { expect, test } from "vitest";
import { contextOf, decodesOf, emptyShape, StepCost, type StepShape } from "./step-cost.ts";

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
    singleContext: decodes.reduce((sum, context) => sum + context, 0),
    runs: decodes.length === 0 ? [] : [decodes.length + (prompt === undefined ? 0 : 1)],
  };
}

/** Of any speed; and what costs how much on them differs as widely as on the machines there are. */
function someMachine(random: () => number): Machine {
  const speed = 10 ** (5 * random() - 2);
  const left = speed * (0.5 + 4 * random());
  return {
    pass: speed * (0.5 + 9 * random()),
    group: left * (1 + 3 * random()),
    left,
    logits: 2 * speed * random(),
    context: 5 * speed * random(),
  };
}

const times = (machine: Machine, factor: number): Machine => ({
  pass: machine.pass * factor,
  group: machine.group * factor,
  left: machine.left * factor,
  logits: machine.logits * factor,
  context: machine.context * factor,
});

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

/** Share of the predictions of 200 steps that are less than a tenth off. */
function shareWithinATenth(cost: StepCost, machine: Machine, random: () => number): number {
  const good = Array.from({ length: 200 }, () => {
    const step = someStep(random);
    return Math.abs(cost.predict(shapeOf(step)) / msOf(machine, step) - 1) < 0.1;
  });
  return good.filter(Boolean).length / good.length;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function learn(cost: StepCost, machine: Machine, { steps, random }: { steps: number; random: () => number }): void {
  for (let i = 0; i < steps; i++) {
    const step = someStep(random);
    cost.observe(shapeOf(step), measured(msOf(machine, step), random));
  }
}

const manySeeds = Array.from({ length: 100 }, (_, seed) => seed);

test("after 100 noisy steps nine of ten predictions are within a tenth", () => {
  const shares = manySeeds.map((seed) => {
    const random = generator(seed);
    const machine = someMachine(random);
    const cost = new StepCost();
    learn(cost, machine, { steps: 100, random });
    return shareWithinATenth(cost, machine, random);
  });
  expect(mean(shares)).toBeGreaterThan(0.9);
});

test.each([0.5, 2])("50 steps after the machine became %f times as slow they are again", (factor) => {
  const shares = manySeeds.map((seed) => {
    const random = generator(seed);
    const machine = someMachine(random);
    const cost = new StepCost();
    learn(cost, machine, { steps: 200, random });
    learn(cost, times(machine, factor), { steps: 50, random });
    return shareWithinATenth(cost, times(machine, factor), random);
  });
  expect(mean(shares)).toBeGreaterThan(0.9);
});

test("the first step outweighs what was assumed", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = generator(seed);
      const machine = someMachine(random);
      const step = someStep(random);
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
  expect(shareWithinATenth(cost, small, random)).toBeGreaterThan(0.8);
  learn(cost, times(small, 2), { steps: 50, random });
  expect(shareWithinATenth(cost, times(small, 2), random)).toBeGreaterThan(0.8);
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
  const durations = fc.oneof(
    fc.double({ min: 0, max: 1e6, noNaN: true }),
    fc.constantFrom(0, -1, Number.NaN, Infinity, 1e-3, 1e5),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(shapes, durations), { maxLength: 200 }), shapes, fc.nat(1e6), (seen, shape, more) => {
      const cost = new StepCost();
      for (const [of, ms] of seen) cost.observe(of, ms);
      const ms = cost.predict(shape);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan(Infinity);
      const singleContext = shape.singleContext + (shape.decodes > 0 ? more : 0);
      const prefillContext = shape.prefillContext + (shape.prefills > 0 ? more : 0);
      expect(cost.predict({ ...shape, singleContext, prefillContext })).toBeGreaterThanOrEqual(ms * (1 - 1e-9));
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
  for (let i = 0; i < 3; i++) cost.observe(decodesOf(1, 100 + i), 5);
  expect([cost.knowsPrefill, cost.knowsDecode]).toEqual([false, true]);
  for (let i = 0; i < 3; i++) cost.observe(shapeOf({ decodes: [100], prompt: { from: 0, count: 64 } }), 50);
  expect([cost.knowsPrefill, cost.knowsDecode]).toEqual([true, true]);
});
