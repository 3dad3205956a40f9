import { pending, type Sequence } from "./sequence.ts";
import type { SchedulerState } from "./state.ts";

export interface StepLimits {
  /** Most tokens of one step. Decodes come first; prefills share what is left, so this bounds the wait of a stream. */
  readonly tokensPerStep: number;
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
  const decodes = ready.filter(({ sequence }) => pending(sequence) === 1);
  const prefills = ready.filter(({ sequence }) => pending(sequence) > 1);

  const items: PlanItem[] = [];
  let budget = limits.tokensPerStep;
  for (const { sequence, slot } of [...decodes, ...prefills]) {
    const count = Math.min(pending(sequence), budget);
    if (count === 0) break;
    items.push({ sequence, slot, from: sequence.computed, count });
    budget -= count;
  }
  // Who takes part is decided by order of arrival; how the batch is laid out, by what the engine computes fastest.
  return { starts, items: items.toSorted((a, b) => a.slot - b.slot) };
}
