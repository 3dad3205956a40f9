import { pending, type Sequence } from "./sequence.ts";
import type { SchedulerState } from "./state.ts";

export interface StepLimits {
  /** Most prefill tokens of one step, shared by prompts in order of arrival: it bounds the wait of running streams. */
  readonly prefillTokens: number;
}

/** The stretch `tokens[from .. from+count)` of a sequence, to be computed in this step. */
export interface PlanItem {
  readonly sequence: Sequence;
  readonly slot: number;
  readonly from: number;
  readonly count: number;
}

export interface StepPlan {
  /** Sequences that get a slot now; the slot is cleared before the step. */
  readonly starts: readonly { readonly sequence: Sequence; readonly slot: number }[];
  readonly items: readonly PlanItem[];
}

/** Decides who runs in the next step. Changes nothing. */
export function planStep(state: SchedulerState, limits: StepLimits): StepPlan {
  const starts = state.slots
    .next(state.waiting.length)
    .map((slot, index) => ({ slot, sequence: state.waiting[index]! }));
  const running = state.running.map((sequence) => ({ sequence, slot: sequence.slot! }));
  const ready = [...running, ...starts].filter(({ sequence }) => sequence.credit > 0);

  const items: PlanItem[] = [];
  let prefillTokens = limits.prefillTokens;
  for (const { sequence, slot } of ready) {
    // A decode always takes part: it is one token. Cutting prompts for its sake would cost passes of their own.
    const isDecode = pending(sequence) === 1;
    const count = isDecode ? 1 : Math.min(pending(sequence), prefillTokens);
    if (count === 0) continue;
    items.push({ sequence, slot, from: sequence.computed, count });
    if (!isDecode) prefillTokens -= count;
  }
  // Who takes part is decided by order of arrival; how the batch is laid out, by what the engine computes fastest.
  return { starts, items: items.toSorted((a, b) => a.slot - b.slot) };
}
