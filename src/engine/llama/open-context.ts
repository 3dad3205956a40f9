import { failure } from "../../core/errors.ts";
import type { LlamaParts } from "./llama-parts.ts";
import { newContext } from "./load-model.ts";
import { addressOf, type Native, type Pointer } from "./native.ts";
import { StepThreads } from "./step-threads.ts";
import { ThreadPools } from "./thread-pools.ts";

/** The library's context of one model, with the threads that compute in it. Closing it frees the model, too. */
export class OpenContext {
  readonly pointer: Pointer;
  readonly threads: StepThreads;
  // The zero after the flag is part of what native code reads.
  readonly abortFlag = new Uint8Array(new SharedArrayBuffer(8), 0, 1);
  readonly #native: Native;
  readonly #model: Pointer;
  readonly #pools: ThreadPools;
  #open = true;

  /** `check` looks at the new context and may throw. Frees all that it made when it throws, but not the model. */
  constructor(parts: LlamaParts, contextPerSlot: number, check: (context: Pointer) => void) {
    const { native, plan, backend, model } = parts;
    this.#native = native;
    this.#model = model;
    this.pointer = newContext(native, plan, { model, contextPerSlot, abortFlag: addressOf(this.abortFlag) });
    try {
      check(this.pointer);
      this.#pools = new ThreadPools(native, backend.backend, plan);
    } catch (error) {
      native.freeContext(this.pointer);
      throw error;
    }
    this.threads = new StepThreads(this.#pools, this.pointer, plan);
  }

  requireOpen(): void {
    if (!this.#open) throw failure("engine_failed", { problem: "it is closed" });
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#native.detachThreadPool(this.pointer);
    this.#native.freeContext(this.pointer);
    this.#pools[Symbol.dispose]();
    this.#native.freeModel(this.#model);
  }
}
