import type { ExecutionPlan } from "../../core/execution-plan.ts";
import { failure } from "../../core/errors.ts";
import { freePool, maxThreads, newPool, type Native, type Pointer } from "./native.ts";

/**
 * Threads that live as long as the context. Without it the library makes and ends its threads in every step.
 * `backend` is the CPU backend that was loaded: the pool's functions are its own.
 */
export class ThreadPool {
  readonly address: Pointer;
  readonly #free: Pointer;

  constructor(native: Native, backend: Pointer, plan: ExecutionPlan) {
    const create = native.procedure(backend, "ggml_threadpool_new");
    const free = native.procedure(backend, "ggml_threadpool_free");
    const params = native.threadPoolDefaults(Math.max(plan.threads, plan.batchThreads));
    params.poll = plan.poll;
    if (plan.cpuMask !== undefined) {
      params.cpumask = Array.from({ length: maxThreads }, (_, cpu) => plan.cpuMask!.includes(cpu));
      params.strict_cpu = true;
    }
    const address = create !== null && free !== null ? newPool(create, params) : null;
    if (address === null) throw failure("engine_failed", { problem: "the thread pool could not be made" });
    this.address = address;
    this.#free = free!;
  }

  /** Ends the threads. No context may use them any more. */
  [Symbol.dispose](): void {
    freePool(this.#free, this.address);
  }
}
