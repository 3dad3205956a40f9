import fc from "fast-check";
import { expect, test } from "vitest";
import { runSchedule, schedules, type Schedule } from "./schedules/testing.ts";
import { Simulation } from "./simulation/testing.ts";
import { aPrompt, aSequence, aTenant } from "./testing.ts";

const anyMemory = { trimInPlace: true, trimAfterRestore: true };
const exactMemory = { trimInPlace: false, trimAfterRestore: false };

function runToEnd(simulation: Simulation): void {
  while (!simulation.isIdle && simulation.steps < 10_000) simulation.step();
  expect(simulation.isIdle).toBe(true);
}

test("any schedule keeps every promise: those of Simulation, and that nobody starves", () => {
  let filled = 0;
  fc.assert(
    fc.property(schedules, (schedule) => {
      filled += runSchedule(schedule).filled;
    }),
    { numRuns: 500 },
  );
  expect(filled).toBeGreaterThan(0); // else nothing was said about them
});

test("a broken promise is told with all that led to it", () => {
  const [one] = fc.sample(schedules, { numRuns: 1, seed: 1 });
  const machine: Schedule["machine"] = { ...one!.machine, slots: 1, policy: "fifo" };
  const arrival = {
    ...one!.arrivals[0]!,
    after: 0,
    stemLength: 50,
    continues: undefined,
    tail: [1],
    cancel: undefined,
  };
  const request = { ...arrival, timeoutMs: Infinity, pace: 0, room: 5 };
  const neverEnds: Schedule = { machine: { ...machine, slots: 0 }, arrivals: [request] };
  expect(() => runSchedule(neverEnds)).toThrow(/^somebody starves: .*\nstep 1, 0.0 ms: \+0 \(tenant/);
  const tooLong = { ...request, room: -1 };
  expect(() => runSchedule({ machine, arrivals: [request, { ...tooLong, after: 1 }] })).toThrow(
    /^sequence 1: .*limit 50\nstep 1, 0.0 ms: .*start 0 in 0 with 0 \(nothing\); computes 0:0\+/,
  );
});

test("requests that come together compute what they have in common once", () => {
  const machines = fc.record({
    slots: fc.integer({ min: 1, max: 6 }),
    requests: fc.integer({ min: 2, max: 8 }),
    common: fc.integer({ min: 48, max: 200 }),
    prefillTokens: fc.integer({ min: 16, max: 512 }),
    memory: fc.constantFrom(anyMemory, exactMemory),
  });
  fc.assert(
    fc.property(machines, ({ slots, requests, common, prefillTokens, memory }) => {
      const simulation = new Simulation({
        plan: { slots },
        prefillTokens,
        capabilities: memory,
        forbiddenCuts: "spoil",
      });
      const sequences = Array.from({ length: requests }, (_, tail) => {
        const prompt = aPrompt(common + 12, { common, tail });
        return aSequence({ id: `${tail}`, prompt, limit: prompt.length + 2, boundaries: [common] });
      });
      for (const sequence of sequences) simulation.add(sequence, 0);
      runToEnd(simulation);
      const decoded = sequences.reduce((sum, { length, promptLength }) => sum + length - promptLength - 1, 0);
      // Nobody waits for the last few of them.
      const twice = simulation.engine.computed - (common + requests * 12 + decoded);
      const fewest = memory === exactMemory ? common : common - 31;
      expect(twice).toBeLessThanOrEqual((requests - 1) * (common - fewest));
      sequences.forEach(({ cached }, index) => {
        expect(cached).toBeGreaterThanOrEqual(index === 0 ? 0 : fewest);
        expect(cached).toBeLessThanOrEqual(index === 0 ? 0 : common);
      });
    }),
    { numRuns: 300 },
  );
});

test("another tenant's request with the same prompt finds nothing and takes as long as if it were alone", () => {
  const machines = fc.record({
    slots: fc.integer({ min: 1, max: 4 }),
    length: fc.integer({ min: 1, max: 200 }),
    together: fc.boolean(),
    memory: fc.constantFrom(anyMemory, exactMemory),
  });
  fc.assert(
    fc.property(machines, ({ slots, length, together, memory }) => {
      const scheduling = { policy: "fifo", turnTokens: 0 } as const; // nobody is interrupted
      const machine = { plan: { slots }, scheduling, prefillTokens: 64, capabilities: memory };
      const ask = (simulation: Simulation, tenant: number) => {
        const prompt = aPrompt(length);
        const boundaries = [length >> 1, length];
        const sequence = aSequence({ id: `${tenant}`, prompt, tenant: aTenant(`${tenant}`), boundaries });
        simulation.add(sequence, tenant);
        if (!together) runToEnd(simulation);
        return sequence;
      };
      const simulation = new Simulation(machine);
      ask(simulation, 0);
      const second = ask(simulation, 1);
      runToEnd(simulation);
      const alone = new Simulation(machine);
      ask(alone, 1);
      runToEnd(alone);
      expect(second.cached).toBe(0);
      expect(simulation.engine.computed).toBe(2 * alone.engine.computed);
    }),
    { numRuns: 300 },
  );
});

test("two tenants with requests waiting are served alike, within the bound of the paper", () => {
  const limit = 80;
  const machines = fc.record({
    slots: fc.integer({ min: 1, max: 4 }),
    prefillTokens: fc.integer({ min: 8, max: 64 }),
    turnTokens: fc.nat(8),
    weights: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
    lengths: fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 })), {
      minLength: 1,
      maxLength: 6,
    }),
    cacheMemory: fc.constantFrom(0, 2000, 1e6),
  });
  fc.assert(
    fc.property(machines, ({ slots, prefillTokens, weights, lengths, ...scheduling }) => {
      const simulation = new Simulation({
        plan: { slots },
        prefillTokens,
        scheduling: { ...scheduling, policy: "fair" },
      });
      const tenants = weights.map((weight, index) => aTenant(`tenant ${index}`, weight));
      const differences: number[] = [];
      let requests = 0;
      for (let step = 0; step < 150; step++) {
        tenants.forEach((tenant, index) => {
          const waiting = () => simulation.state.waiting.filter((sequence) => sequence.tenant === tenant).length;
          while (waiting() < 2 + slots) {
            const prompt = aPrompt(lengths[requests % lengths.length]![index]!, { common: 0, tail: requests });
            simulation.add(aSequence({ id: `${requests++}`, tenant, prompt, limit }), index);
          }
        });
        simulation.step();
        differences.push(simulation.servedTo(0) / weights[0] - simulation.servedTo(1) / weights[1]);
      }
      const longest = Math.max(60, 2 * slots * limit); // w_p · longest prompt, w_q · tokens in all slots
      const bound = (2 * longest) / Math.min(...weights);
      expect(Math.max(...differences) - Math.min(...differences)).toBeLessThanOrEqual(bound);
    }),
    { numRuns: 300 },
  );
});
