import type { LaneAges } from "../lane-ages.ts";
import type { Sequence } from "../sequence.ts";
import type { Shares } from "../shares.ts";

/** What a policy may look at besides the sequences. Nothing of it changes while a step is planned. */
export interface PolicyView {
  /** On the loop's clock, in ms. */
  readonly now: number;
  readonly shares: Shares;
  readonly laneAges: LaneAges;
  /** Slots that a tenant's sequences hold. */
  readonly slotsOf: (tenant: string) => number;
  /** Predicted ms of computing its whole prompt, with nothing of it in a cache. */
  readonly promptMs: (sequence: Sequence) => number;
  /** Predicted ms of computing that is left until the sequence ends. */
  readonly remainingMs: (sequence: Sequence) => number;
}

export interface PreemptionView extends PolicyView {
  /** Tokens that a sequence may generate before it gives its slot to one that waits; 0 = it keeps it to its end. */
  readonly turnTokens: number;
}

/** Negative: `a` comes before `b`; 0: the order does not tell them apart. */
export type Order = (a: Sequence, b: Sequence, view: PolicyView) => number;

/** Who runs first. Pure: a policy has no memory of its own, and changes nothing. */
export interface Policy {
  /** A total order for a fixed view, over waiting and running sequences alike: 0 only for a sequence and itself. */
  readonly compare: Order;
  /**
   * Whether the waiting `challenger` may take the slot of the running `holder` now; the rules are in preemption.ts.
   * Where it did, the reverse does not hold until something substantial was served.
   */
  readonly preempts: (challenger: Sequence, holder: Sequence, view: PreemptionView) => boolean;
}
