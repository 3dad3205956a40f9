import type { InterTokenTarget } from "../core/scheduling.ts";
import { decodesOf, emptyShape, prefillOf, rowTokens, tileTokens, type StepCost, type StepShape } from "./step-cost.ts";

export interface BudgetQuestion {
  readonly cost: StepCost;
  readonly target: InterTokenTarget;
  /** Ms of the target that have gone already, for moves before the step. */
  readonly spentMs: number;
  /** Sequences that decode in the step and must not wait longer than the target, and the tokens before theirs, summed. */
  readonly decodes: number;
  readonly decodeContext: number;
  /** Tokens before the first one of the prompt that is to be computed. */
  readonly from: number;
  /** Most tokens of a step in any case, e.g. those that the prompt has left. */
  readonly most: number;
}

/**
 * A relative target asks for no more than this: 25 tokens a second, three times as fast as people read (238 words a
 * minute, Brysbaert, How many words do we read per minute?, 2019). Faster streams had better let a prompt get on.
 */
const readableMs = 40;

/**
 * Tokens of a prompt that are computed beside decodes even if the target is missed: one that goes with the decodes, and
 * one group. A prompt that waits for the streams to end may wait for ever. Where only more than the one is too much, it is
 * the one.
 */
export const leastChunk = 1 + rowTokens;

/** Chunks that use attention by tiles differ by so many tokens: less would not be faster per token. */
const tiledStep = 16;

/** How many tokens of a prompt may go into the next step so that the streams in it stay within the target. */
export function prefillBudget(question: BudgetQuestion): number {
  const { cost, target, spentMs, decodes, decodeContext, most } = question;
  if (target.kind === "off" || decodes === 0) return most;
  const undisturbed = cost.predict(decodesOf(decodes, decodeContext));
  const allowed = target.kind === "ms" ? target.ms : Math.max(readableMs, target.times * undisturbed);
  const fits = (count: number): boolean => cost.predict(withPrefill(question, count)) <= allowed - spentMs;
  if (fits(most)) return most;
  const largest = largestTiled(most, fits) ?? largestUntiled(most, fits);
  return largest ?? (undisturbed < allowed ? 1 : Math.min(leastChunk, most));
}

function withPrefill({ decodes, decodeContext, from }: BudgetQuestion, count: number): StepShape {
  const all = { decodes, runs: [decodes + 1] };
  if (count === 1) return { ...emptyShape, ...all, singleContext: decodeContext + from };
  return { ...prefillOf(from, count), ...all, singleContext: decodeContext };
}

/** By bisection: among chunks of tiles a longer one takes longer. */
function largestTiled(most: number, fits: (count: number) => boolean): number | undefined {
  const countOf = (steps: number): number => 1 + tileTokens + steps * tiledStep;
  let low = -1; // fits, or is none
  let high = Math.floor((most - countOf(0)) / tiledStep) + 1; // is too many
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(countOf(middle))) low = middle;
    else high = middle;
  }
  return low < 0 ? undefined : countOf(low);
}

function largestUntiled(most: number, fits: (count: number) => boolean): number | undefined {
  for (let count = 1 + tileTokens - rowTokens; count >= leastChunk; count -= rowTokens) {
    if (count <= most && fits(count)) return count;
  }
  return undefined;
}
