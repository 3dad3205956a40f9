import type { FinishReason } from "../core/generation.ts";
import type { StepOutput } from "../engine/engine.ts";
import type { PlanItem, StepPlan } from "./plan-step.ts";
import type { Sequence } from "./sequence.ts";
import { removeSequence, type SchedulerState } from "./state.ts";

export type SequenceEvent =
  | { readonly type: "token"; readonly sequence: Sequence; readonly token: number }
  | { readonly type: "finished"; readonly sequence: Sequence; readonly reason: FinishReason };

/** Gives the plan's sequences their slots: they run from here on. */
export function applyStarts(state: SchedulerState, plan: StepPlan): void {
  for (const { sequence, slot } of plan.starts) {
    state.slots.take(slot);
    sequence.slot = slot;
    state.running.push(sequence);
  }
  state.waiting.splice(0, plan.starts.length);
}

/** Books what a completed step computed, samples where nothing is pending any more, and ends what is at its end. */
export function applyStep(state: SchedulerState, plan: StepPlan, output: StepOutput): SequenceEvent[] {
  const events: SequenceEvent[] = [];
  plan.items.forEach((item, index) => {
    item.sequence.computed += item.count;
    if (!samplesAfter(item)) return;
    const token = item.sequence.sample(output.logits(index), item.sequence);
    events.push(...append(state, item.sequence, token));
  });
  return events;
}

/** The item reaches the end of its sequence, so its last token must give logits. */
export function samplesAfter(item: PlanItem): boolean {
  return item.from + item.count === item.sequence.length;
}

function append(state: SchedulerState, sequence: Sequence, token: number): SequenceEvent[] {
  sequence.tokens[sequence.length++] = token;
  sequence.credit--;
  const reason = sequence.endsGeneration(token) ? "stop" : sequence.length >= sequence.limit ? "length" : undefined;
  if (reason === undefined) return [{ type: "token", sequence, token }];
  removeSequence(state, sequence);
  return [
    { type: "token", sequence, token },
    { type: "finished", sequence, reason },
  ];
}
