import type { ExecutionPlan } from "../../core/execution-plan.ts";
import { failure } from "../../core/errors.ts";
import type { Pointer } from "./native.ts";
import type { ThreadPools } from "./thread-pools.ts";

/** How many threads the steps of one context run on. */
export class StepThreads {
  readonly #pools: ThreadPools;
  readonly #context: Pointer;
  readonly #planned: number;
  #limit: number;
  #attached = 0;

  constructor(pools: ThreadPools, context: Pointer, plan: ExecutionPlan) {
    this.#pools = pools;
    this.#context = context;
    this.#planned = plan.threads;
    this.#limit = plan.threads;
  }

  /** See `Engine.setThreads`. Throws `engine_failed`. */
  limit(threads: number): void {
    if (!(Number.isInteger(threads) && threads >= 1 && threads <= this.#planned)) {
      throw failure("engine_failed", { problem: `${threads} threads, where the plan has ${this.#planned}` });
    }
    this.#limit = threads;
  }

  /** The next step runs on as many threads as the plan has for its kind, or on fewer if they are limited. */
  use(forThisKind: number): void {
    const wanted = this.#limit < this.#planned ? Math.min(forThisKind, this.#limit) : forThisKind;
    if (wanted === this.#attached) return;
    this.#pools.attach(this.#context, wanted);
    this.#attached = wanted;
  }
}
