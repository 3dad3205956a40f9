import koffi from "koffi";
import type { Sampling } from "../src/core/generation.ts";
import { addressOf } from "../src/engine/llama/native.ts";
import { findLibrary, openLibrary, platformDirectory } from "../src/engine/llama/platform-library.ts";

// llama.cpp's own samplers, which the product does not use: the reference that ours are compared with (include/llama.h).
koffi.struct("llama_sampler_chain_params", { no_perf: "bool" });
koffi.struct("llama_token_data_array", { data: "void *", size: "size_t", selected: "int64", sorted: "bool" });

interface Candidates {
  data: bigint;
  size: number;
  selected: number;
  sorted: boolean;
}

/** Bytes of a llama_token_data: id (int32), logit (float), p (float). */
const ENTRY = 12;

/** The native chain penalties → top-k → top-p → min-p → temperature → softmax, as the distribution it draws from. */
export class NativeChain implements Disposable {
  readonly #chain: bigint;
  readonly #functions = bind();
  readonly #entries: Uint8Array;
  readonly #ids: Int32Array;
  readonly #floats: Float32Array;
  readonly #size: number;

  /** `seen`: what the penalties count, all of it as if it were answer. */
  constructor(size: number, sampling: Sampling, seen: readonly number[] = []) {
    const f = this.#functions;
    this.#size = size;
    this.#entries = new Uint8Array(size * ENTRY);
    this.#ids = new Int32Array(this.#entries.buffer);
    this.#floats = new Float32Array(this.#entries.buffer);
    this.#chain = f.newChain({ no_perf: true });
    const { repeatPenalty, frequencyPenalty, presencePenalty, topK, topP, minP, temperature, seed } = sampling;
    f.add(this.#chain, f.penalties(size, Math.max(1, seen.length), repeatPenalty, frequencyPenalty, presencePenalty));
    f.add(this.#chain, f.topK(topK));
    f.add(this.#chain, f.topP(topP, 1));
    f.add(this.#chain, f.minP(minP, 1));
    f.add(this.#chain, f.temperature(temperature));
    f.add(this.#chain, f.draw(seed));
    for (const token of seen) f.accept(this.#chain, token);
  }

  /** The probability of each token that is left. */
  distribution(logits: Float32Array): Map<number, number> {
    const { size } = this.apply(logits);
    return new Map(Array.from({ length: size }, (_, i) => [this.#ids[3 * i]!, this.#floats[3 * i + 2]!]));
  }

  /** Fills the candidates as `llama_sampler_sample` does, and runs the chain. */
  apply(logits: Float32Array): Candidates {
    for (let i = 0; i < this.#size; i++) {
      this.#ids[3 * i] = i;
      this.#floats[3 * i + 1] = logits[i]!;
      this.#floats[3 * i + 2] = 0;
    }
    const candidates = { data: addressOf(this.#entries), size: this.#size, selected: -1, sorted: false };
    this.#functions.apply(this.#chain, candidates);
    return candidates;
  }

  [Symbol.dispose](): void {
    this.#functions.free(this.#chain);
  }
}

interface SamplerFunctions {
  newChain(params: { no_perf: boolean }): bigint;
  add(chain: bigint, sampler: bigint): void;
  penalties(vocabulary: number, lastN: number, repeat: number, frequency: number, presence: number): bigint;
  topK(k: number): bigint;
  topP(p: number, minKeep: number): bigint;
  minP(p: number, minKeep: number): bigint;
  temperature(value: number): bigint;
  draw(seed: number): bigint;
  accept(chain: bigint, token: number): void;
  apply(chain: bigint, candidates: Candidates): void;
  free(chain: bigint): void;
}

const prototypes: Record<keyof SamplerFunctions, string> = {
  newChain: "void *llama_sampler_chain_init(llama_sampler_chain_params params)",
  add: "void llama_sampler_chain_add(void *chain, void *smpl)",
  penalties: "void *llama_sampler_init_penalties(int32 n_vocab, int32 last_n, float repeat, float freq, float present)",
  topK: "void *llama_sampler_init_top_k(int32 k)",
  topP: "void *llama_sampler_init_top_p(float p, size_t min_keep)",
  minP: "void *llama_sampler_init_min_p(float p, size_t min_keep)",
  temperature: "void *llama_sampler_init_temp(float t)",
  draw: "void *llama_sampler_init_dist(uint32 seed)",
  accept: "void llama_sampler_accept(void *smpl, int32 token)",
  apply: "void llama_sampler_apply(void *smpl, _Inout_ llama_token_data_array *cur_p)",
  free: "void llama_sampler_free(void *smpl)",
};

function bind(): SamplerFunctions {
  const { directory, files } = findLibrary(platformDirectory());
  openLibrary(directory); // checks the version, and loads what libllama needs
  const library = koffi.load(files.at(-1)!);
  const functions = Object.entries(prototypes).map(([name, prototype]) => [name, library.func(prototype)]);
  return Object.fromEntries(functions) as SamplerFunctions;
}
