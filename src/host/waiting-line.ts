import { failure, type MillraceError } from "../core/errors.ts";
import type { Lease } from "./leased-stream.ts";

interface Waiter {
  readonly enter: (lease: Lease) => void;
  readonly leave: (error: Error) => void;
}

interface Patience {
  readonly signal: AbortSignal;
  /** Undefined = without end. */
  readonly withinMs: number | undefined;
  /** What whoever waited so long is told. */
  readonly tooLate: () => MillraceError;
}

/** Longer than this no timer runs. */
const longestTimer = 2 ** 31 - 1;

/** Requests that wait until their model is in memory, in order of arrival. */
export class WaitingLine {
  readonly #waiting = new Set<Waiter>();
  readonly #onLeft: () => void;

  /** `onLeft` is called when somebody has left without having got in. */
  constructor(onLeft: () => void) {
    this.#onLeft = onLeft;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves at `letIn`; rejects at `turnAway`, when the signal aborts (`request_cancelled`), and when it is too late. */
  async wait({ signal, withinMs, tooLate }: Patience): Promise<Lease> {
    if (signal.aborted) throw failure("request_cancelled", undefined);
    return await new Promise<Lease>((resolve, reject) => {
      const onAbort = () => leave(failure("request_cancelled", undefined));
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#waiting.delete(waiter);
      };
      const leave = (error: Error) => {
        end();
        reject(error);
        this.#onLeft();
      };
      const enter = (lease: Lease) => {
        end();
        resolve(lease);
      };
      const timer =
        withinMs === undefined ? undefined : setTimeout(() => leave(tooLate()), Math.min(withinMs, longestTimer));
      const waiter = { enter, leave };
      this.#waiting.add(waiter);
      signal.addEventListener("abort", onAbort);
    });
  }

  /** Gives each a lease, and nobody waits any more. */
  letIn(lease: () => Lease): void {
    for (const waiter of this.#waiting) waiter.enter(lease());
  }

  turnAway(error: MillraceError): void {
    for (const waiter of this.#waiting) waiter.leave(error);
  }
}
