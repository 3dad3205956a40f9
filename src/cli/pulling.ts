import type { PullOptions } from "../app.ts";
import { abortOnInterrupt } from "./interrupts.ts";
import { noProgress, ProgressDisplay } from "./progress.ts";

interface Pulling {
  /** Ends the pull too. */
  readonly signal?: AbortSignal | undefined;
  readonly quiet?: boolean;
}

/**
 * Does `work`, which may have to get a model first: shows how far it is, and ends in order at Ctrl-C. What comes after
 * that blocks this thread, so then Ctrl-C has its usual effect.
 */
export async function pulling<T>(work: (options: PullOptions) => Promise<T>, how: Pulling = {}): Promise<T> {
  const { signal, quiet } = how;
  const progress = quiet === true ? noProgress : new ProgressDisplay(process.stderr);
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
      onFallback: ({ instead, problem }) => {
        progress.end();
        process.stderr.write(`Warning: ${problem}\nTaking ${instead} in its place.\n`);
      },
    });
  } finally {
    end();
  }
}
