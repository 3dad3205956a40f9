import type { PullOptions } from "../app.ts";
import { abortOnInterrupt } from "./interrupts.ts";
import { ProgressDisplay } from "./progress.ts";

/**
 * Does `work`, which may have to get a model first: shows how far it is, and ends in order at Ctrl-C. What comes after
 * that blocks this thread, so then Ctrl-C has its usual effect. `signal` ends the pull too.
 */
export async function pulling<T>(work: (options: PullOptions) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const progress = new ProgressDisplay(process.stderr);
  const interrupts = abortOnInterrupt();
  const end = () => {
    progress.end();
    interrupts[Symbol.dispose]();
  };
  try {
    return await work({
      signal: signal === undefined ? interrupts.signal : AbortSignal.any([interrupts.signal, signal]),
      onPull: progress.onPull,
      onPulled: end,
    });
  } finally {
    end();
  }
}
