import type { Order, Policy } from "./policy.ts";
import { turnPasses, usedTurns } from "./turns.ts";

interface PreemptionOrders {
  /** Who is earlier by it takes the slot at once. */
  readonly urgency: Order;
  /** Among equally urgent ones: who takes the slot at the end of a turn. Those it does not tell apart take turns. */
  readonly precedence?: Order;
  /** Among equally urgent ones: the challenger is so far behind that it need not wait for the end of a turn. */
  readonly isOwed?: Policy["preempts"];
}

/**
 * When a slot changes hands before its sequence ends. The challenger must be able to go on, its reader having credit.
 * Then it takes the slot
 *
 * 1. of a less urgent one, at once. For the reverse its lane must be aged, or lose its age by being served;
 * 2. of one as urgent whose reader is slow, at once. For the reverse it must use up its own credit;
 * 3. of one as urgent to which the policy says it is owed;
 * 4. of one as urgent that has had its turn. For the reverse it must have had one too.
 *
 * 3 and 4 wait until the holder has generated something since it got the slot: a prompt that is taken apart gains
 * nobody's first token anything.
 */
export function preemption({ urgency, precedence = () => 0, isOwed }: PreemptionOrders): Policy["preempts"] {
  return (challenger, holder, view) => {
    if (challenger.credit <= 0) return false;
    const urgent = urgency(challenger, holder, view);
    if (urgent !== 0) return urgent < 0;
    if (holder.credit <= 0) return true;
    if (holder.length === holder.turnStart) return false;
    if (isOwed?.(challenger, holder, view) === true) return true;
    if (usedTurns(holder, view.turnTokens) === 0) return false;
    const order = precedence(challenger, holder, view);
    return order < 0 || (order === 0 && turnPasses(challenger, holder, view.turnTokens));
  };
}
