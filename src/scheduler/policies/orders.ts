import type { Order } from "./policy.ts";

/** The first order that tells the two apart decides. */
export function inOrder(...orders: readonly Order[]): Order {
  return (a, b, view) => {
    for (let index = 0; index < orders.length; index++) {
      const order = orders[index]!(a, b, view);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** As `x - y`, but right for infinities too. */
export function ascending(x: number, y: number): number {
  return x < y ? -1 : x > y ? 1 : 0;
}

export const byLane: Order = (a, b, { laneAges, now }) =>
  a.lane === b.lane ? 0 : ascending(laneAges.rank(a.lane, now), laneAges.rank(b.lane, now));
