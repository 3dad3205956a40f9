import fc from "fast-check";
import { expect, test } from "vitest";
import { Quarantine } from "./quarantine.ts";

test("suspects have their trials in order, one at a time; who survives is free", () => {
  const quarantine = new Quarantine();
  expect(quarantine.isOver).toBe(true);
  expect(quarantine.died(["a", "b", "c"], true)).toBeUndefined();
  expect([quarantine.next(), quarantine.onTrial, quarantine.next()]).toEqual(["a", "a", undefined]);
  quarantine.release("a");
  expect(quarantine.next()).toBe("b");
  quarantine.release("c"); // it left
  expect(quarantine.isOver).toBe(false);
  quarantine.release("b");
  expect([quarantine.next(), quarantine.isOver]).toEqual([undefined, true]);
});

test("who kills an engine alone is convicted; a kill from outside says nothing, and the trial is repeated", () => {
  const quarantine = new Quarantine();
  expect(quarantine.died(["a", "b"], false)).toBeUndefined();
  expect(quarantine.isOver).toBe(true);
  quarantine.died(["a", "b"], true);
  expect(quarantine.next()).toBe("a");
  expect(quarantine.died(["a"], false)).toBeUndefined();
  expect(quarantine.next()).toBe("b");
  expect(quarantine.died(["a", "b"], true)).toBe("b");
  expect(quarantine.next()).toBe("a");
});

interface World {
  readonly requests: number;
  readonly poison: readonly number[];
  readonly slots: number;
  /** Steps before which somebody kills the engine from outside. */
  readonly kills: readonly number[];
}

const worlds: fc.Arbitrary<World> = fc.record({
  requests: fc.integer({ min: 1, max: 12 }),
  poison: fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { maxLength: 3 }),
  slots: fc.integer({ min: 1, max: 5 }),
  kills: fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 4 }),
});

/** An engine that dies of any poison request in a step, and serves each other one with three steps. */
function live({ requests, poison, slots, kills }: World) {
  const quarantine = new Quarantine();
  const waiting = Array.from({ length: requests }, (_, i) => ({ id: `${i}`, left: 3 }));
  const convicted: string[] = [];
  const isPoison = (id: string) => poison.includes(Number(id));
  let deaths = 0;
  const end = (id: string) =>
    waiting.splice(
      waiting.findIndex((request) => request.id === id),
      1,
    );
  for (let step = 0; waiting.length > 0; step++) {
    if (step > 1000) throw new Error("it does not end");
    quarantine.next();
    const running = quarantine.isOver ? waiting.slice(0, slots) : waiting.filter(({ id }) => id === quarantine.onTrial);
    const byItself = running.some(({ id }) => isPoison(id));
    if (byItself || kills.includes(step)) {
      if (byItself) deaths++;
      const convict = quarantine.died(
        running.map(({ id }) => id),
        byItself,
      );
      if (convict !== undefined) convicted.push(...end(convict).map(({ id }) => id));
      continue;
    }
    for (const request of running) {
      quarantine.release(request.id);
      if (--request.left === 0) end(request.id);
    }
  }
  return { convicted, deaths };
}

test("all poison requests are convicted and nobody else; each costs two deaths at most", () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const { convicted, deaths } = live(world);
      const guilty = world.poison.filter((id) => id < world.requests);
      expect(convicted.map(Number).toSorted((a, b) => a - b)).toEqual(guilty.toSorted((a, b) => a - b));
      expect(deaths).toBeLessThanOrEqual(2 * guilty.length);
    }),
  );
});
