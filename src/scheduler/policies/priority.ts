import { byLane, inOrder } from "./orders.ts";
import type { Policy } from "./policy.ts";
import { preemption } from "./preemption.ts";
import { byPlace } from "./turns.ts";

const compare = inOrder(byLane, byPlace);

/** The most urgent lane first; within it as `fifo`. */
export const priority: Policy = { compare, preempts: preemption({ urgency: byLane, compare }) };
