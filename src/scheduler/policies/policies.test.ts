import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lanes } from "../../core/generation.ts";
import { policyNames } from "../../core/scheduling.ts";
import { LaneAges } from "../lane-ages.ts";
import type { Sequence } from "../sequence.ts";
import { Shares } from "../shares.ts";
import { policies } from "./policies.ts";
import { aRequest, aView, ToyMachine } from "./testing.ts";
import { usedTurns } from "./turns.ts";

const tenants = [
  { name: "a", weight: 1 },
  { name: "b", weight: 1 },
  { name: "c", weight: 4 },
  { name: "d", weight: 0.1 },
] as const;

// Few values, so that ties are frequent.
const ms = fc.oneof(fc.nat(3), fc.nat(100_000));
const request = fc.record({
  tenant: fc.constantFrom(...tenants),
  lane: fc.constantFrom(...lanes),
  arrived: ms,
  deadline: fc.option(ms, { nil: Infinity }),
  limit: fc.integer({ min: 200, max: 300 }),
  credit: fc.nat(2),
  turns: fc.nat(3),
  generated: fc.option(fc.nat(100), { nil: undefined }),
});
type RequestFacts = typeof request extends fc.Arbitrary<infer R> ? R : never;

/** `impatient`: who does not get a slot at once goes away, so that there are always new ones. */
const load = fc.record({
  turnTokens: fc.constantFrom(0, 8),
  slots: fc.integer({ min: 1, max: 3 }),
  impatient: fc.boolean(),
});

const requests = fc
  .array(request, { minLength: 3, maxLength: 8 })
  .map((list) => list.map((over, index) => Object.freeze(aRequest({ ...over, id: `${index}` }))));

const view = fc
  .record({
    now: ms,
    turnTokens: fc.constantFrom(0, 1, 16, 64),
    served: fc.array(fc.tuple(fc.constantFrom(...tenants), fc.nat(2000)), { maxLength: 4 }),
    since: fc.array(fc.tuple(fc.constantFrom(...lanes), ms), { maxLength: 3 }),
  })
  .map(({ now, turnTokens, served, since }) => {
    const [shares, laneAges] = [new Shares(), new LaneAges(1000)];
    for (const tenant of tenants) shares.activate(tenant);
    for (const [tenant, decode] of served) shares.charge(tenant, { prefill: 0, decode });
    laneAges.present(new Set(lanes), 0);
    for (const [lane, at] of since) laneAges.served(lane, at);
    return aView({ now, turnTokens, shares, laneAges });
  });

describe.each(policyNames)("policy %s", (name) => {
  const { compare, preempts } = policies[name];

  test("is a total order", () => {
    fc.assert(
      fc.property(requests, view, (list, seen) => {
        for (const a of list) {
          for (const b of list) {
            const order = Math.sign(compare(a, b, seen));
            expect(order === 0).toBe(a === b);
            expect(order + Math.sign(compare(b, a, seen))).toBe(0);
            for (const c of list) if (order < 0 && compare(b, c, seen) < 0) expect(compare(a, c, seen)).toBeLessThan(0);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("changes nothing that it looks at", () => {
    fc.assert(
      fc.property(requests, view, ([a, b], seen) => {
        const state = () => [
          tenants.map((tenant) => seen.shares.served(tenant.name)),
          lanes.map((lane) => seen.laneAges.rank(lane, seen.now)),
        ];
        const before = state();
        compare(a!, b!, seen); // the sequences are frozen
        preempts(a!, b!, seen);
        expect(state()).toEqual(before);
      }),
    );
  });

  test("takes a slot only for who comes first, at the end of a turn, or from who cannot use it", () => {
    fc.assert(
      fc.property(requests, view, ([challenger, holder], seen) => {
        if (!preempts(challenger!, holder!, seen)) return;
        expect(challenger!.credit).toBeGreaterThan(0);
        const turnIsOver = usedTurns(holder!, seen.turnTokens) > 0;
        if (!turnIsOver && holder!.credit > 0) expect(compare(challenger!, holder!, seen)).toBeLessThan(0);
      }),
      { numRuns: 2000 },
    );
  });

  test("whoever took a slot is before the one who gave it, and keeps it", () => {
    fc.assert(
      fc.property(requests, view, ([challenger, holder], seen) => {
        if (!preempts(challenger!, holder!, seen)) return;
        const left = { ...holder!, slot: undefined, turns: holder!.turns + usedTurns(holder!, seen.turnTokens) };
        const right = { ...challenger!, slot: 0, turnStart: challenger!.length };
        if (left.credit > 0) expect(compare(right, left, seen)).toBeLessThan(0);
        expect(preempts({ ...left, credit: 1 }, right, seen)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  test("two that compete for one slot change seldom", () => {
    fc.assert(
      fc.property(requests, fc.constantFrom(0, 16, 64), ([a, b], turnTokens) => {
        const machine = new ToyMachine(policies[name], 1, { turnTokens, laneAges: new LaneAges(5000) });
        const steps = 200;
        for (const one of [a!, b!])
          machine.waiting.push({ ...one, arrived: 0, credit: Infinity, turnStart: 0, turns: 0 });
        for (let step = 0; step < steps; step++) machine.step();
        // Of its 200 steps of 100 ms: in 5 s a lane ages, with 128 tokens a quantum is served, and each turn may end.
        const turns = turnTokens === 0 ? 0 : steps / turnTokens;
        expect(machine.preemptions).toBeLessThanOrEqual(turns + 2 * (steps / 50) + steps / 128 + 1);
      }),
      { numRuns: 100 },
    );
  });

  test.each(lanes)("a %s request ends, whatever else keeps coming", (lane) => {
    fc.assert(
      fc.property(fc.infiniteStream(request), load, (stream, { turnTokens, slots, impatient }) => {
        const machine = new ToyMachine(policies[name], slots, { turnTokens, laneAges: new LaneAges(500) });
        const { waiting, view } = machine;
        const patient = aRequest({ id: "patient", lane, limit: 32, tenant: tenants[0] });
        waiting.push(patient);
        for (let step = 0; step < 3000 && patient.length < patient.limit; step++) {
          if (impatient) waiting.splice(0, waiting.length, ...waiting.filter((one) => one === patient));
          while (waiting.length < 4) waiting.push(newcomer(stream, view.now, `${step}-${waiting.length}`));
          machine.step();
        }
        expect(patient.length).toBe(patient.limit);
      }),
      { numRuns: 10 },
    );
  });

  test.skipIf(name === "fifo")("background is behind batch, and batch behind interactive", () => {
    fc.assert(
      fc.property(requests, fc.nat(999), ([a, b], now) => {
        const seen = aView({ now });
        const [first, second] = lanes.indexOf(a!.lane) <= lanes.indexOf(b!.lane) ? [a!, b!] : [b!, a!];
        if (first.lane === second.lane) return;
        expect(compare(first, second, seen)).toBeLessThan(0);
        expect(preempts({ ...first, credit: 1 }, second, seen)).toBe(true);
        expect(preempts({ ...second, credit: 1 }, first, { ...seen, turnTokens: 1 })).toBe(false);
      }),
    );
  });
});

/** As urgent and short as they come, sometimes with a deadline that is soon. */
function newcomer(stream: fc.Stream<RequestFacts>, now: number, id: string): Sequence {
  const { tenant, lane, deadline, limit } = stream.next().value!;
  return aRequest({
    id,
    tenant,
    lane: limit % 2 === 0 ? "interactive" : lane,
    arrived: now,
    deadline: deadline === Infinity ? Infinity : now + 2000,
    limit: 9 + (limit % 12),
  });
}
