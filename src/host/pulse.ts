import type { StepWatch } from "../scheduler/step-loop.ts";
import type { StepPulse } from "./messages.ts";

const fields = { progress: 0, step: 1, tokens: 2, begin: 3, size: 4 } as const;
const progressScale = 10_000;

/** What the engine's main thread is doing, in shared memory: other threads can read it while that one is in native code. */
export class Pulse implements StepWatch {
  readonly #cells: Int32Array;

  /** `memory` is that of another thread's pulse. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4 * fields.size)) {
    this.#cells = new Int32Array(memory);
  }

  get memory(): SharedArrayBuffer {
    return this.#cells.buffer as SharedArrayBuffer;
  }

  /** 0..1 of the model that is loading. */
  get progress(): number {
    return Atomics.load(this.#cells, fields.progress) / progressScale;
  }

  set progress(fraction: number) {
    Atomics.store(this.#cells, fields.progress, Math.floor(fraction * progressScale));
  }

  beginStep(tokens: number): void {
    Atomics.store(this.#cells, fields.begin, nowMs());
    Atomics.add(this.#cells, fields.step, 1);
    Atomics.store(this.#cells, fields.tokens, tokens);
  }

  endStep(): void {
    Atomics.store(this.#cells, fields.tokens, 0);
  }

  read(): StepPulse {
    const step = Atomics.load(this.#cells, fields.step);
    const tokens = Atomics.load(this.#cells, fields.tokens);
    const milliseconds = tokens === 0 ? 0 : Math.max(0, (nowMs() - Atomics.load(this.#cells, fields.begin)) | 0);
    return { step, tokens, milliseconds };
  }
}

/** Milliseconds of the clock that all threads share (`performance.now` has a start per thread); wraps in 32 bits. */
function nowMs(): number {
  return Number(BigInt.asIntN(32, process.hrtime.bigint() / 1_000_000n));
}
