import type { Sequence } from "../sequence.ts";
import { ascending, byLane } from "./orders.ts";
import type { Order, Policy, PolicyView } from "./policy.ts";
import { preemption } from "./preemption.ts";
import { byPlace } from "./turns.ts";

const compare: Order = (a, b, view) => byLane(a, b, view) || byLength(a, b, view) || byPlace(a, b);

/** Within a lane, the highest response ratio first; of those that came just now, the shortest. */
export const shortest: Policy = { compare, preempts: preemption({ urgency: byLane, compare }) };

function byLength(a: Sequence, b: Sequence, view: PolicyView): number {
  const remainingA = remainingOf(a, view);
  const remainingB = remainingOf(b, view);
  return (
    ascending(remainingA / responseTime(a, remainingA, view), remainingB / responseTime(b, remainingB, view)) ||
    ascending(remainingA, remainingB)
  );
}

/**
 * Remaining time over response time, the inverse of the response ratio (Brinch Hansen, 1971): 1 on arrival, and the
 * shorter a sequence the faster it falls. As it falls for all of them, long ones do not starve.
 */
function responseTime({ arrived }: Sequence, remaining: number, { now }: PolicyView): number {
  return Math.max(0, now - arrived) + remaining;
}

/** At least 1 ms: nothing is predicted better. */
function remainingOf(sequence: Sequence, { remainingMs }: PolicyView): number {
  return Math.max(1, remainingMs(sequence));
}
