import { describe, expect, test } from "vitest";
import { lanes } from "../core/generation.ts";
import { LaneAges } from "./lane-ages.ts";
import { policies } from "./policies/policies.ts";
import { aRequest, ToyMachine } from "./policies/testing.ts";

const ranks = (ages: LaneAges, now: number) => lanes.map((lane) => ages.rank(lane, now));

describe("ranks", () => {
  test("are the order of the lanes while nothing waits", () => {
    const ages = new LaneAges(1000);
    expect(ranks(ages, 1e9)).toEqual([0, 1, 2]);
    ages.present(new Set(), 0);
    ages.served("batch", 0);
    expect(ranks(ages, 1e9)).toEqual([0, 1, 2]);
  });

  test("rise by one each time that a lane waited in vain for so long", () => {
    const ages = new LaneAges(1000);
    ages.present(new Set(["batch", "background"]), 500);
    expect([499, 1499, 1500, 2500, 3500].map((now) => ranks(ages, now))).toEqual([
      [0, 1, 2],
      [0, 1, 2],
      [0, 0, 1],
      [0, -1, 0],
      [0, -2, -1],
    ]);
    ages.served("batch", 3500);
    expect(ranks(ages, 3500)).toEqual([0, 1, -1]);
  });

  test("count from the moment that something waits, however often one looks", () => {
    const ages = new LaneAges(1000);
    for (let now = 0; now <= 900; now += 100) ages.present(new Set(["batch"]), now);
    expect(ages.rank("batch", 1000)).toBe(0);
    ages.present(new Set(), 1000);
    ages.present(new Set(["batch"]), 1100);
    expect(ages.rank("batch", 2000)).toBe(1);
  });

  test("never change without ageing", () => {
    const ages = new LaneAges(Infinity);
    ages.present(new Set(lanes), 0);
    expect(ranks(ages, 1e9)).toEqual([0, 1, 2]);
    expect(() => new LaneAges(0)).toThrow(RangeError);
  });
});

test.each([
  ["batch", 2],
  ["background", 3],
] as const)("without end of interactive requests a %s one gets a step within %d ageing times", (lane, times) => {
  const machine = new ToyMachine(policies.priority, 2, { laneAges: new LaneAges(1000) });
  const starving = aRequest({ id: "starving", lane, limit: 100 });
  machine.waiting.push(starving);
  let [last, longest] = [0, 0];
  for (let step = 0; step < 1000; step++) {
    while (machine.waiting.length < 5) {
      machine.waiting.push(aRequest({ id: `${step}-${machine.waiting.length}`, arrived: machine.view.now, limit: 40 }));
    }
    if (!machine.step().includes(starving)) continue;
    longest = Math.max(longest, machine.view.now - last);
    last = machine.view.now;
  }
  expect(starving.length).toBeGreaterThan(30);
  // One step more until it is seen to wait, and one that serves it.
  expect(longest).toBeLessThanOrEqual(times * 1000 + 200);
});
