import type { Sequence } from "../sequence.ts";
import { ascending, byLane } from "./orders.ts";
import type { Order, Policy, PolicyView } from "./policy.ts";
import { preemption } from "./preemption.ts";
import { byPlace } from "./turns.ts";

/**
 * A tenant that is so many weighted tokens (shares.ts) behind another takes a slot from it. They are 100 to 200 ms of
 * work on two CPU cores, beside which parking a sequence and restoring another, about 2 ms for 1,000 tokens, is little.
 */
export const QUANTUM = 256;

const compare: Order = (a, b, view) => byLane(a, b, view) || byShare(a, b, view) || byPlace(a, b);

/** Within a lane, who was served the least for its weight (Sheng et al., OSDI 2024); within a tenant as `fifo`. */
export const fair: Policy = { compare, preempts: preemption({ urgency: byLane, compare, isOwed }) };

function byShare(a: Sequence, b: Sequence, { shares }: PolicyView): number {
  return a.tenant.name === b.tenant.name ? 0 : ascending(shares.served(a.tenant.name), shares.served(b.tenant.name));
}

/** In tokens of whichever of the two weighs less, so that at least two quanta are served until the reverse holds. */
function isOwed({ tenant }: Sequence, holder: Sequence, { shares }: PolicyView): boolean {
  if (tenant.name === holder.tenant.name) return false;
  const lag = shares.served(holder.tenant.name) - shares.served(tenant.name);
  return lag * Math.min(tenant.weight, holder.tenant.weight) >= QUANTUM;
}
