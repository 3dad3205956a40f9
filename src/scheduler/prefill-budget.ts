import type { InterTokenTarget } from "../core/scheduling.ts";
import { decodesOf, prefillOf, rowTokens, tileTokens, type StepCost, type StepShape } from "./step-cost.ts";

export interface BudgetQuestion {
  readonly cost: StepCost;
  readonly target: InterTokenTarget;
  /** Sequences that decode in the step and must not wait longer than the target, and the tokens before theirs, summed. */
  readonly decodes: number;
  readonly decodeContext: number;
  /** Tokens before the first one of the prompt that is to be computed. */
  readonly from: number;
  /** Most tokens of a step in any case, e.g. those that the prompt has left. */
  readonly most: number;
}

/**
 * Tokens of a prompt that are computed beside decodes even if the target is missed: one that goes with the decodes, and
 * one group. A prompt that waits for the streams to end may wait for ever.
 */
export const leastChunk = 1 + rowTokens;

/** Chunks that use attention by tiles differ by so many tokens: less would not be faster per token. */
const tiledStep = 16;

/** How many tokens of a prompt may go into the next step so that the streams in it stay within the target. */
export function prefillBudget(question: BudgetQuestion): number {
  const { cost, target, decodes, decodeContext, most } = question;
  if (target.kind === "off" || decodes === 0) return most;
  const allowed = target.kind === "ms" ? target.ms : target.times * cost.predict(decodesOf(decodes, decodeContext));
  const fits = (count: number): boolean => cost.predict(withPrefill(question, count)) <= allowed;
  if (fits(most)) return most;
  return largestTiled(most, fits) ?? largestUntiled(most, fits) ?? Math.min(leastChunk, most);
}

function withPrefill({ decodes, decodeContext, from }: BudgetQuestion, count: number): StepShape {
  return { ...prefillOf(from, count), decodes, decodeContext };
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
  for (let count = 1 + tileTokens - rowTokens; count > leastChunk; count -= rowTokens) {
    if (count <= most && fits(count)) return count;
  }
  return undefined;
}
