import type { ExecutionPlan } from "../../core/execution-plan.ts";
import { failure } from "../../core/errors.ts";
import { freePool, maxThreads, newPool, type Native, type Pointer } from "./native.ts";

/**
 * Threads that live as long as the context. Without them the library makes and ends its threads in every step.
 *
 * A pool's threads poll for work after each step, also those that steps do not use: half a core each, taken from whoever
 * they were given up for. So steps with fewer threads than there are have a pool of their own, whose threads sleep at once
 * (a step of 4.5 ms takes 1 % longer then); the library pauses the pool that it left. `backend` is the CPU backend that
 * was loaded: the pools' functions are its own.
 */
export class ThreadPools {
  readonly #native: Native;
  readonly #plan: ExecutionPlan;
  readonly #create: Pointer;
  readonly #free: Pointer;
  readonly #most: number;
  readonly #all: Pointer;
  /** Made when it is needed first. */
  #fewer: Pointer | undefined;

  constructor(native: Native, backend: Pointer, plan: ExecutionPlan) {
    const create = native.procedure(backend, "ggml_threadpool_new");
    const free = native.procedure(backend, "ggml_threadpool_free");
    if (create === null || free === null) throw noPool();
    this.#native = native;
    this.#plan = plan;
    this.#create = create;
    this.#free = free;
    this.#most = Math.max(plan.threads, plan.batchThreads);
    this.#all = this.#newPool(plan.poll);
  }

  /** The context's next steps run on so many threads. */
  attach(context: Pointer, threads: number): void {
    const pool = threads === this.#most ? this.#all : (this.#fewer ??= this.#newPool(0));
    this.#native.attachThreadPool(context, pool, pool);
    this.#native.setThreads(context, threads, threads);
  }

  /** Ends the threads. No context may use them any more. */
  [Symbol.dispose](): void {
    for (const pool of [this.#all, this.#fewer]) if (pool !== undefined) freePool(this.#free, pool);
  }

  #newPool(poll: number): Pointer {
    const { cpuMask } = this.#plan;
    const params = this.#native.threadPoolDefaults(this.#most);
    params.poll = poll;
    if (cpuMask !== undefined) {
      params.cpumask = Array.from({ length: maxThreads }, (_, cpu) => cpuMask.includes(cpu));
      params.strict_cpu = true;
    }
    const pool = newPool(this.#create, params);
    if (pool === null) throw noPool();
    return pool;
  }
}

function noPool(): Error {
  return failure("engine_failed", { problem: "the thread pool could not be made" });
}
