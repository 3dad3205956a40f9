import type { FinishReason } from "../core/generation.ts";
import type { StepOutput } from "../engine/engine.ts";
import { scores, type Sequence } from "./sequence.ts";
import { removeSequence, type SchedulerState } from "./state.ts";
import { samplesAfter, type PlanItem, type StepPlan } from "./step-plan.ts";

export type SequenceEvent =
  | { readonly type: "token"; readonly sequence: Sequence; readonly token: number }
  | { readonly type: "finished"; readonly sequence: Sequence; readonly reason: FinishReason }
  /** Its deadline has passed. */
  | { readonly type: "expired"; readonly sequence: Sequence };

/** How fast the average of answer lengths follows. */
const answerWeight = 0.05;

/** Books what a completed step computed, samples where nothing is pending any more, and ends what is at its end. */
export function applyStep(
  state: SchedulerState,
  plan: StepPlan,
  { output, now }: { readonly output: StepOutput; readonly now: number },
): SequenceEvent[] {
  const events: SequenceEvent[] = [];
  plan.items.forEach((item, index) => {
    const { sequence, count } = item;
    if (scores(sequence)) noteScores(item, (at) => output.logits(index, at));
    sequence.computed += count;
    const isDecode = count === 1 && samplesAfter(item);
    state.shares.charge(sequence.tenant, isDecode ? { prefill: 0, decode: 1 } : { prefill: count, decode: 0 });
    state.laneAges.served(sequence.lane, now);
    if (!samplesAfter(item)) return;
    const token = sequence.sample(output.logits(index), sequence);
    events.push(...append(state, sequence, token));
  });
  state.gapSteps = state.slots.gap() === undefined ? 0 : state.gapSteps + 1;
  return events;
}

/** Takes out what has passed its deadline. */
export function expire(state: SchedulerState, now: number): SequenceEvent[] {
  const late = [...state.running, ...state.waiting].filter(({ deadline }) => deadline <= now);
  for (const sequence of late) removeSequence(state, sequence);
  return late.map((sequence) => ({ type: "expired", sequence }));
}

/** What was seen before the sequence lost it is not told again. */
function noteScores({ sequence, from, count }: PlanItem, logits: (at: number) => Float32Array): void {
  const end = Math.min(from + count, sequence.promptLength - 1);
  for (let at = Math.max(from, sequence.unscored); at < end; at++) sequence.score(logits(at - from), at + 1);
  sequence.unscored = end === sequence.promptLength - 1 ? Infinity : Math.max(sequence.unscored, end);
}

/** A token, and those that it forces; the next step computes them together. */
function append(state: SchedulerState, sequence: Sequence, token: number): SequenceEvent[] {
  const ended = sequence.endsGeneration(token);
  const room = sequence.limit - sequence.length - 1;
  const tokens = ended || room === 0 ? [token] : [token, ...sequence.forced().subarray(0, room)];
  sequence.tokens.set(tokens, sequence.length);
  sequence.length += tokens.length;
  sequence.credit -= tokens.length;
  const events = tokens.map((token): SequenceEvent => ({ type: "token", sequence, token }));
  const reason = ended ? "stop" : sequence.length >= sequence.limit ? "length" : undefined;
  if (reason === undefined) return events;
  state.answerTokens += answerWeight * (sequence.length - sequence.promptLength - state.answerTokens);
  removeSequence(state, sequence);
  return [...events, { type: "finished", sequence, reason }];
}
