import { failure } from "../../core/errors.ts";
import type { Engine } from "../../engine/engine.ts";

/** A stretch of the sequence in slot 0. */
interface Stretch {
  readonly tokens: Int32Array;
  readonly from: number;
  readonly to: number;
}

/**
 * Computes `tokens[from .. to)` in as few steps as the plan allows, and gives how long that took in ms and the likeliest
 * next token. Throws `engine_failed` if the engine did not compute it.
 */
export function timedStep(engine: Engine, { tokens, from, to }: Stretch): { milliseconds: number; next: number } {
  const begin = performance.now();
  let next = 0;
  for (let at = from; at < to;) {
    const count = Math.min(engine.plan.batch, to - at);
    const output = engine.step([{ slot: 0, tokens, from: at, count, outputs: "last" }]);
    if (output.status !== "done") throw failure("engine_failed", { problem: `a step ended with '${output.status}'` });
    at += count;
    if (at === to) next = likeliest(output.logits(0));
  }
  return { milliseconds: performance.now() - begin, next };
}

function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/** Lets signals and timers in: a step blocks the thread. Rejects with the reason of `signal` once it has aborted. */
export async function breath(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}
