import type { InterTokenTarget } from "../core/scheduling.ts";
import { fill } from "./fill.ts";
import type { Wait } from "./plan-move.ts";
import { prefillBudget } from "./prefill-budget.ts";
import { pending, scores, type Sequence } from "./sequence.ts";
import { viewOf, type SchedulerState } from "./state.ts";
import { tileTokens } from "./step-cost.ts";
import type { PlanItem, StepPlan } from "./step-plan.ts";

export interface StepLimits {
  /** Most prefill tokens of one step in any case. */
  readonly prefillTokens: number;
}

/** What is asked of a plan beside the state. */
export interface StepQuestion {
  readonly limits: StepLimits;
  /** Prompts of which others wait for a part: a step ends there, so that they can go on with it. */
  readonly waits: readonly Wait[];
  /** Ms since the last step that moves have taken: streams waited for them as they do for a step. */
  readonly spentMs: number;
  /** In ms. */
  readonly now: number;
}

/** A prompt of a lane that yields to others never fills a step beyond this: they would have to wait for its end. One token goes with the decodes. */
const mostOfLowerLane = 1 + tileTokens;

/** Decides what the next step computes, of the sequences that run. Changes nothing. */
export function planStep(state: SchedulerState, question: StepQuestion): StepPlan {
  const { laneAges, policy } = state;
  const { now } = question;
  const view = viewOf(state, now);
  const rank = (sequence: Sequence) => laneAges.rank(sequence.lane, now);
  const ready = state.running.filter(({ credit }) => credit > 0);
  const prefills = ready.filter((sequence) => !streams(sequence)).toSorted((a, b) => policy.compare(a, b, view));
  const first = prefills[0];
  const ofDecodes = ready.filter(streams);
  // A pass for decodes and one for a prompt cost their sum: a lower lane's decodes can as well wait for a prompt.
  const decodes = first === undefined ? ofDecodes : ofDecodes.filter((sequence) => rank(sequence) <= rank(first));

  const items = itemsOf(decodes, question.limits.prefillTokens);
  if (first !== undefined) {
    const { prefillTokens } = question.limits;
    const ofStreams = items.reduce((sum, { sequence, count }) => (pending(sequence) === 1 ? sum : sum + count), 0);
    let left = Math.min(budgetFor(state, { first, decodes, question }), prefillTokens - ofStreams);
    let taken = 0;
    let rows = state.outputs - state.running.length; // beside one for each
    for (const sequence of prefills) {
      if (rank(sequence) > rank(first) || isFull(taken, pending(sequence))) break;
      const most = scores(sequence) ? 1 + rows : left;
      const count = Math.min(pending(sequence), left, most, untilStop(state, sequence, question.waits));
      if (count === 0) continue;
      if (scores(sequence)) rows -= count - 1;
      items.push(item(sequence, count));
      left -= count;
      taken += count;
    }
  }
  // Who takes part is decided by policy; how the batch is laid out, by what the engine computes fastest.
  return fill(
    state,
    items.toSorted((a, b) => a.slot - b.slot),
  );
}

/** Its answer goes on: with a token, or with some more that followed from it without being sampled. */
function streams(sequence: Sequence): boolean {
  return pending(sequence) === 1 || (sequence.computed >= sequence.promptLength && pending(sequence) <= tileTokens);
}

/** Streams with one token, and as much of those with more as a step has room for; what is left of them waits for the next. */
function itemsOf(decodes: readonly Sequence[], most: number): PlanItem[] {
  let left = most;
  return decodes.flatMap((sequence) => {
    if (pending(sequence) === 1) return [item(sequence, 1)];
    const count = Math.min(pending(sequence), left);
    left -= count;
    return count === 0 ? [] : [item(sequence, count)];
  });
}

/** Tokens of short prompts in one step: beyond that, what a pass costs beside its tokens is a few percent. */
const mostTogether = 4 * tileTokens;

/**
 * One prompt after the other, for the first does not get its token sooner with the second in its step; but
 * short ones (or the ends of prompts whose beginnings were there) make one pass where each would have needed its own.
 */
function isFull(taken: number, next: number): boolean {
  return taken > 0 && taken + next > mostTogether;
}

interface Prefilling {
  readonly first: Sequence;
  readonly decodes: readonly Sequence[];
  readonly question: StepQuestion;
}

/** Prefill tokens of this step, so that no stream waits longer than it may. */
function budgetFor(state: SchedulerState, { first, decodes, question }: Prefilling): number {
  const { cost, scheduling, laneAges } = state;
  const yields = laneAges.rank(first.lane, question.now) > 0 && scheduling.policy !== "fifo";
  const most = yields ? Math.min(mostOfLowerLane, question.limits.prefillTokens) : question.limits.prefillTokens;
  if (decodes.length > 0 && isCrowded(state, first, question.now)) return Math.min(most, mostTogether);
  const decodeContext = decodes.reduce((sum, { length }) => sum + length, 0);
  const target = stretched(state, decodes.length);
  const { spentMs } = question;
  return prefillBudget({ cost, target, spentMs, decodes: decodes.length, decodeContext, from: first.computed, most });
}

/**
 * A relative target is for usual load. While new requests of the lane wait for a slot, all of them wait for every ms
 * that small chunks cost, which at a depth of a thousand tokens is twice the time: streams get slower.
 */
function isCrowded({ scheduling, waiting, laneAges }: SchedulerState, first: Sequence, now: number): boolean {
  if (scheduling.targetItl.kind !== "times") return false;
  const rank = laneAges.rank(first.lane, now);
  return waiting.some(({ length, promptLength, lane }) => length === promptLength && laneAges.rank(lane, now) <= rank);
}

/**
 * When more prompts have slots than streams run, a relative target is stretched in that proportion: a step's ms cost each of the
 * streams, and a slow prefill each of the others.
 */
function stretched({ scheduling, running }: SchedulerState, decodes: number): InterTokenTarget {
  const target = scheduling.targetItl;
  if (target.kind !== "times" || decodes === 0) return target;
  const prompts = running.filter((sequence) => pending(sequence) > 1).length;
  return { kind: "times", times: target.times * Math.max(1, prompts / decodes) };
}

/**
 * Tokens until the next position at which something must be done with what is computed. The end of a prompt that is less
 * than a tile is computed at once: alone it would take longer than it keeps those waiting who go on from before it.
 */
function untilStop({ cache }: SchedulerState, sequence: Sequence, waits: readonly Wait[]): number {
  const { computed, boundaries } = sequence;
  let stop = Infinity;
  const nearEnd = cache.exactOnly ? sequence.length : sequence.length - tileTokens;
  for (const { on, length } of waits)
    if (on === sequence && length > computed && length <= nearEnd) stop = Math.min(stop, length);
  if (cache.enabled && cache.exactOnly) stop = Math.min(stop, boundaries.find((at) => at > computed) ?? Infinity);
  return stop - computed;
}

function item(sequence: Sequence, count: number): PlanItem {
  return { sequence, slot: sequence.slot!, from: sequence.computed, count };
}
