import type { Sequence } from "../sequence.ts";
import { ascending, byLane } from "./orders.ts";
import type { Order, Policy, PolicyView } from "./policy.ts";
import { preemption } from "./preemption.ts";
import { byPlace, placeOf } from "./turns.ts";

/**
 * A tenant that is so many weighted tokens (shares.ts) behind another takes a slot from it. They are 100 to 200 ms of
 * work on two CPU cores, beside which parking a sequence and restoring another, about 2 ms for 1,000 tokens, is little.
 */
export const QUANTUM = 256;

/**
 * A prompt lets others pass that come up to so many times its own computing time after it: short ones need not wait for
 * long ones, and those wait five times their own time at most for it. Measured in decision 11.
 */
const PATIENCE = 4;

const compare: Order = (a, b, view) =>
  byLane(a, b, view) || byShare(a, b, view) || byPatience(a, b, view) || byPlace(a, b);

/** Within a lane, who was served the least for its weight (Sheng et al., OSDI 2024); within a tenant by arrival and length. */
export const fair: Policy = { compare, preempts: preemption({ urgency: byLane, compare, isOwed }) };

function byShare(a: Sequence, b: Sequence, { shares }: PolicyView): number {
  return a.tenant.name === b.tenant.name ? 0 : ascending(shares.served(a.tenant.name), shares.served(b.tenant.name));
}

function byPatience(a: Sequence, b: Sequence, { promptMs }: PolicyView): number {
  const place = (sequence: Sequence) => placeOf(sequence) + PATIENCE * promptMs(sequence);
  return ascending(place(a), place(b));
}

/**
 * A tenant of which nothing runs is owed one of several slots of another at once, if it was not served more: of the two
 * both run then, so the reverse does not hold. Else it must be a quantum behind, in tokens of whichever of the two weighs
 * less, so that at least two quanta are served until the reverse holds.
 */
function isOwed({ tenant }: Sequence, holder: Sequence, { shares, slotsOf }: PolicyView): boolean {
  if (tenant.name === holder.tenant.name) return false;
  const lag = shares.served(holder.tenant.name) - shares.served(tenant.name);
  if (lag >= 0 && slotsOf(tenant.name) === 0 && slotsOf(holder.tenant.name) > 1) return true;
  return lag * Math.min(tenant.weight, holder.tenant.weight) >= QUANTUM;
}
