import fc from "fast-check";
import { expect, test } from "vitest";
import { leastWorth, type Movable } from "./model-worth.ts";

const aModel = (over: Partial<Movable> = {}): Movable => ({ bytes: 100, idleMs: 1000, reloadMs: 1000, ...over });

test("the one that nobody asked for longest goes, of two alike the one that is back sooner", () => {
  const [fresh, stale, slow] = [aModel({ idleMs: 10 }), aModel({ idleMs: 9000 }), aModel({ reloadMs: 60_000 })];
  expect(leastWorth([fresh, stale], 1)).toEqual([stale]);
  expect(leastWorth([slow, aModel()], 1)).toEqual([aModel()]);
  expect(leastWorth([slow, stale, fresh], 200)).toEqual([stale, slow]);
});

test("what would not help is left alone", () => {
  const [small, large] = [aModel({ bytes: 10, idleMs: 9000 }), aModel({ bytes: 1000 })];
  expect(leastWorth([small, large], 500)).toEqual([large]);
  expect(leastWorth([small, large], 1005)).toEqual([small, large]);
  expect(leastWorth([small, large], 1011)).toBeUndefined();
  expect(leastWorth([], 0)).toEqual([]);
});

test("enough comes free whenever that is possible, and nobody goes in vain", () => {
  const movable = fc.record({ bytes: fc.nat(1000), idleMs: fc.nat(100_000), reloadMs: fc.nat(100_000) });
  fc.assert(
    fc.property(fc.array(movable, { maxLength: 8 }), fc.integer({ min: 1, max: 4000 }), (models, missing) => {
      const chosen = leastWorth(models, missing);
      const sum = (some: readonly Movable[]) => some.reduce((bytes, one) => bytes + one.bytes, 0);
      if (chosen === undefined) {
        expect(sum(models)).toBeLessThan(missing);
        return;
      }
      expect(sum(chosen)).toBeGreaterThanOrEqual(missing);
      for (const one of chosen) expect(sum(chosen) - one.bytes).toBeLessThan(missing);
    }),
  );
});
