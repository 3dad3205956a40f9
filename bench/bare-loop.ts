import type { ExecutionPlan } from "../src/core/execution-plan.ts";
import type { BatchItem } from "../src/engine/engine.ts";
import { loadCpuBackend } from "../src/engine/llama/cpu-variant.ts";
import { FlatBatch } from "../src/engine/llama/flat-batch.ts";
import { loadModel, newContext } from "../src/engine/llama/load-model.ts";
import { addressOf, viewFloats, type Native, type Pointer } from "../src/engine/llama/native.ts";
import { findLibrary, openLibrary, platformDirectory } from "../src/engine/llama/platform-library.ts";
import { ThreadPools } from "../src/engine/llama/thread-pools.ts";
import { promptOf, ratesOf, type Burst, type Rates } from "../src/bench/engine/burst.ts";

type Stretch = Omit<BatchItem, "outputs">;

/** The least that must be done to get tokens out of the library: decode, find the maximum, decode. The bound for all else. */
export class BareLoop {
  readonly #native: Native;
  readonly #context: Pointer;
  readonly #memory: Pointer;
  readonly #batch: FlatBatch;
  readonly #held: Int32Array;
  readonly #vocabularySize: number;
  /** Read by native code, so it must live as long as the context. */
  readonly #neverAborts = new Uint8Array(new SharedArrayBuffer(8));

  constructor(plan: ExecutionPlan) {
    const library = findLibrary(platformDirectory());
    const native = openLibrary(library.directory);
    const backend = loadCpuBackend(native, library, plan.cpuVariant);
    const model = loadModel(native, plan, { library, onProgress: () => {} });
    const contextPerSlot = plan.contextPerSlot;
    this.#context = newContext(native, plan, { model, contextPerSlot, abortFlag: addressOf(this.#neverAborts) });
    new ThreadPools(native, backend.backend, plan).attach(this.#context, plan.threads);
    this.#native = native;
    this.#memory = native.memory(this.#context)!;
    this.#vocabularySize = native.vocabularySize(native.vocabulary(model));
    this.#held = new Int32Array(plan.slots);
    const { batch: tokens, outputs } = plan;
    this.#batch = new FlatBatch({ tokens, outputs, vocabularySize: this.#vocabularySize, held: this.#held });
  }

  run(burst: Burst): Rates {
    const { sequences, promptTokens, answerTokens } = burst;
    const tokens = Array.from({ length: sequences }, (_, sequence) => {
      this.trim(sequence, 0);
      const all = new Int32Array(promptTokens + answerTokens);
      all.set(promptOf(sequence, burst.promptTokens));
      return all;
    });
    const times: number[][] = tokens.map(() => []);
    const begin = performance.now();
    for (let k = 0; k < answerTokens; k++) {
      const [from, count] = k === 0 ? [0, promptTokens] : [promptTokens + k - 1, 1];
      const sampled = this.step(tokens.map((all, slot) => ({ slot, tokens: all, from, count })));
      const now = performance.now() - begin;
      sampled.forEach((token, sequence) => {
        tokens[sequence]![promptTokens + k] = token;
        times[sequence]!.push(now);
      });
    }
    return ratesOf(times, burst);
  }

  /** Forgets all but the first `length` tokens of a slot. */
  trim(slot: number, length: number): void {
    if (!this.#native.removeRange(this.#memory, slot, length, -1)) throw new Error(`slot ${slot} cannot be trimmed`);
    this.#held[slot] = length;
  }

  /** Computes the stretches in one call and gives the likeliest next token of each. */
  step(stretches: readonly Stretch[]): number[] {
    this.#batch.fill(stretches.map((stretch) => ({ ...stretch, outputs: "last" })));
    const result = this.#native.decode(this.#context, this.#batch.native);
    if (result !== 0) throw new Error(`llama_decode returned ${result}`);
    for (const { slot, from, count } of stretches) this.#held[slot] = from + count;
    const rows = viewFloats(this.#native.logits(this.#context)!, stretches.length * this.#vocabularySize);
    return stretches.map((_, row) => argmax(rows, row * this.#vocabularySize, (row + 1) * this.#vocabularySize));
  }
}

function argmax(values: Float32Array, from: number, to: number): number {
  let best = from;
  for (let i = from + 1; i < to; i++) if (values[i]! > values[best]!) best = i;
  return best - from;
}
