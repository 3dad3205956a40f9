import type { Order, Policy } from "./policy.ts";
import { usedTurns } from "./turns.ts";

interface PreemptionOrders {
  /** Who is earlier by it takes the slot at once. Part of `compare`. */
  readonly urgency: Order;
  /** The policy's whole order. */
  readonly compare: Order;
  /** Among equally urgent ones: the challenger is so far behind that it need not wait for the end of a turn. */
  readonly isOwed?: Policy["preempts"];
}

/**
 * When a slot changes hands before its sequence ends. The challenger must be able to go on, its reader having credit.
 * Then it takes the slot
 *
 * 1. of a less urgent one, at once. For the reverse a lane must age, or lose its age by being served;
 * 2. of one as urgent whose reader is slow, at once. For the reverse it must use up its own credit;
 * 3. of one as urgent to which the policy says it is owed;
 * 4. of one as urgent that has had its turn, if it is before that one when the turn counts. For the reverse it must have
 *    had a turn too.
 *
 * 3 and 4 wait until the holder has generated something since it got the slot: two prompts that interrupt each other
 * would both be late.
 */
export function preemption({ urgency, compare, isOwed }: PreemptionOrders): Policy["preempts"] {
  return (challenger, holder, view) => {
    if (challenger.credit <= 0) return false;
    const urgent = urgency(challenger, holder, view);
    if (urgent !== 0) return urgent < 0;
    if (holder.credit <= 0) return true;
    if (holder.length === holder.turnStart) return false;
    if (isOwed?.(challenger, holder, view) === true) return true;
    const used = usedTurns(holder, view.turnTokens);
    return used > 0 && compare(challenger, { ...holder, turns: holder.turns + used }, view) < 0;
  };
}
