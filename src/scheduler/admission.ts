import { failure, type MillraceError } from "../core/errors.ts";
import { Forecast } from "./forecast.ts";
import type { Sequence } from "./sequence.ts";
import { viewOf, waitingTokens, type SchedulerState } from "./state.ts";

/**
 * Why a new sequence is not taken: too many tokens wait already, or its deadline would pass before its end by all that
 * is known. Undefined = it is welcome. With nothing waiting the longest prompt is.
 */
export function refusal(state: SchedulerState, sequence: Sequence, now: number): MillraceError | undefined {
  const { scheduling, policy } = state;
  const forecast = new Forecast(state);
  const retryAfter = (): number => forecast.drainMs() / 1000;
  const waiting = waitingTokens(state);
  const limit = scheduling.maxQueuedTokens;
  if (waiting > 0 && waiting + sequence.length > limit)
    return failure("queued_tokens_full", { waiting, limit, retryAfter: retryAfter() });
  if (sequence.deadline === Infinity || !state.cost.knowsPrefill || !state.cost.knowsDecode) return undefined;
  const view = viewOf(state, now);
  const estimate = forecast.endMs(sequence, (other) => policy.compare(other, sequence, view) < 0);
  if (now + estimate <= sequence.deadline) return undefined;
  const timeout = (sequence.deadline - sequence.arrived) / 1000;
  return failure("deadline_unreachable", { estimate: estimate / 1000, timeout, retryAfter: retryAfter() });
}
