import type { Order } from "./policy.ts";

/** As `x - y`, but right for infinities and texts too. Orders are chained by `||`: 0 leaves it to the next. */
export function ascending<T extends number | string>(x: T, y: T): number {
  return x < y ? -1 : x > y ? 1 : 0;
}

export const byLane: Order = (a, b, { laneAges, now }) =>
  a.lane === b.lane ? 0 : ascending(laneAges.rank(a.lane, now), laneAges.rank(b.lane, now));
