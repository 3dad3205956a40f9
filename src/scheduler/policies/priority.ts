import { byLane } from "./orders.ts";
import type { Order, Policy } from "./policy.ts";
import { preemption } from "./preemption.ts";
import { byPlace } from "./turns.ts";

const compare: Order = (a, b, view) => byLane(a, b, view) || byPlace(a, b);

/** The most urgent lane first; within it as `fifo`. */
export const priority: Policy = { compare, preempts: preemption({ urgency: byLane, compare }) };
