import { pending, type Sequence } from "./sequence.ts";
import type { SchedulerState } from "./state.ts";

/** Predicted ms of steps until the sequence has its end, when it shares them with as many others as there are slots. */
export function remainingMs(state: SchedulerState, sequence: Sequence): number {
  return prefillMs(state, sequence) + answerTokensLeft(state, sequence) * decodeMs(state, sequence.length);
}

/** Predicted ms until all that waits now, and what runs, has been served. */
export function drainMs(state: SchedulerState): number {
  let ms = 0;
  for (const sequence of state.waiting) ms += remainingMs(state, sequence);
  for (const sequence of state.running) ms += remainingMs(state, sequence);
  return ms;
}

/**
 * Predicted ms from now to the end of a sequence that is about to be added: what goes before it, its prompt, and an
 * answer as long as answers are.
 */
export function endMs(state: SchedulerState, sequence: Sequence, isBefore: (other: Sequence) => boolean): number {
  const { running, waiting, slots } = state;
  let ms = prefillMs(state, sequence);
  if (running.length >= slots.total) for (const other of waiting) if (isBefore(other)) ms += remainingMs(state, other);
  const beside = Math.min(slots.total, running.length + 1);
  return ms + answerTokensLeft(state, sequence) * stepMs(state, beside, sequence.length);
}

function prefillMs({ cost }: SchedulerState, sequence: Sequence): number {
  const tokens = pending(sequence);
  if (tokens <= 1) return 0;
  const prefillContext = tokens * sequence.computed + (tokens * (tokens - 1)) / 2;
  return cost.predict({ prefillTokens: tokens, prefillContext, prefills: 1, decodes: 0, decodeContext: 0 });
}

/** An answer is as long as answers have been, but not longer than it may be. */
function answerTokensLeft({ answerTokens }: SchedulerState, { length, promptLength, limit }: Sequence): number {
  return Math.min(limit - length, Math.max(1, answerTokens - (length - promptLength)));
}

/** A sequence's part of the ms of a step in which every slot takes part. */
function decodeMs(state: SchedulerState, context: number): number {
  return stepMs(state, state.slots.total, context) / state.slots.total;
}

function stepMs({ cost }: SchedulerState, decodes: number, context: number): number {
  return cost.predict({ prefillTokens: 0, prefillContext: 0, prefills: 0, decodes, decodeContext: decodes * context });
}
