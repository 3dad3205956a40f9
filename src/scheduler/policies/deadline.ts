import type { Sequence } from "../sequence.ts";
import { ascending, byLane } from "./orders.ts";
import type { Order, Policy, PolicyView } from "./policy.ts";
import { preemption } from "./preemption.ts";
import { byPlace, placeOf } from "./turns.ts";

/** Where a sequence without a deadline stands among the others: as if it were due so long after its place, in ms. */
export const HORIZON_MS = 60_000;

const compare: Order = (a, b, view) => byLane(a, b, view) || byFeasibility(a, b, view) || byDue(a, b) || byPlace(a, b);

/**
 * Within a lane, the earliest deadline first among those that can still be met; the others come behind them, and end at
 * their deadline. One without a deadline can always be met, and comes first when it is the oldest by far.
 */
export const deadline: Policy = { compare, preempts: preemption({ urgency: byLane, compare }) };

function byFeasibility(a: Sequence, b: Sequence, view: PolicyView): number {
  return lateness(a, view) - lateness(b, view);
}

/** 1 when it is going to be late. */
function lateness(sequence: Sequence, { now, remainingMs }: PolicyView): 0 | 1 {
  return now + remainingMs(sequence) > sequence.deadline ? 1 : 0;
}

function byDue(a: Sequence, b: Sequence): number {
  return ascending(dueOf(a), dueOf(b));
}

function dueOf(sequence: Sequence): number {
  return sequence.deadline === Infinity ? placeOf(sequence) + HORIZON_MS : sequence.deadline;
}
