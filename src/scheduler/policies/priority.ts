import { byLane, inOrder } from "./orders.ts";
import type { Policy } from "./policy.ts";
import { preemption } from "./preemption.ts";
import { byPlace } from "./turns.ts";

/** The most urgent lane first; within it as `fifo`. */
export const priority: Policy = {
  compare: inOrder(byLane, byPlace),
  preempts: preemption({ urgency: byLane }),
};
