import { normalized } from "../../core/embedding.ts";
import type { ExecutionPlan } from "../../core/execution-plan.ts";
import { tooLong, type Embedder, type EmbedderInfo } from "../embedder.ts";
import type { VocabularyHandle } from "../vocabulary.ts";
import { FakeVocabulary } from "./fake-vocabulary.ts";
import { chance, extend, mix } from "./hash.ts";
import { parseFakeOptions, type FakeOptions } from "./options.ts";
import { pretendToLoad, Steps } from "./steps.ts";

const trainedContext = 512;
const dimensions = 64;

/**
 * An embedder without a model, with the options of the fake engine: what costs and goes wrong at a step does so at a call.
 * Texts have vectors that are near to each other when they share words, above all in the same order. Throws
 * `invalid_config`, or `invalid_model_file` with loadFails.
 */
export function openFakeEmbedder(
  plan: ExecutionPlan,
  options: string,
  onProgress: (fraction: number) => void = () => {},
): Embedder {
  const parsed = parseFakeOptions(options);
  pretendToLoad(plan.modelFile, parsed, onProgress);
  return new FakeEmbedder(plan, { ...parsed, text: options });
}

class FakeEmbedder implements Embedder {
  readonly plan: ExecutionPlan;
  readonly info: EmbedderInfo;
  readonly vocabulary: FakeVocabulary;
  readonly vocabularyHandle: VocabularyHandle;
  readonly abortFlag = new Uint8Array(new SharedArrayBuffer(1));
  readonly #steps: Steps;
  readonly #model: number;
  #closed = false;

  constructor(plan: ExecutionPlan, options: FakeOptions & { text: string }) {
    this.plan = plan;
    this.vocabulary = new FakeVocabulary(options);
    this.vocabularyHandle = { kind: "fake", options: options.text };
    this.info = {
      library: "fake",
      cpuVariant: "none: nothing is computed",
      description: `fake encoder with seed ${options.seed} and vectors of ${dimensions} numbers`,
      contextPerSlot: Math.min(plan.contextPerSlot, plan.microBatch, trainedContext),
      trainedContext,
      capabilities: { trimInPlace: false, trimAfterRestore: false, window: 0, recurrent: false },
      dimensions,
    };
    this.#steps = new Steps(options);
    this.#model = mix(options.seed);
  }

  embed(texts: readonly Int32Array[]): Float32Array[] | undefined {
    if (this.#closed) throw new Error("the embedder is closed");
    const refusal = tooLong(texts, this.info.contextPerSlot) ?? this.#misuse(texts);
    if (refusal !== undefined) throw refusal;
    if (texts.length === 0) return [];
    this.#steps.begin(texts);
    const tokens = texts.reduce((sum, { length }) => sum + length, 0);
    const passed = this.#steps.compute({ tokens, sequences: texts.length }, this.abortFlag);
    return passed < 1 ? undefined : texts.map((text) => this.#vectorOf(text));
  }

  setThreads(threads: number): void {
    if (!Number.isInteger(threads) || threads < 1 || threads > this.plan.threads)
      throw new Error(`threads are 1..${this.plan.threads}, not ${threads}`);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
  }

  #misuse(texts: readonly Int32Array[]): Error | undefined {
    const { slots, microBatch } = this.plan;
    const tokens = texts.reduce((sum, { length }) => sum + length, 0);
    if (texts.length > slots) return new Error(`${texts.length} texts; the plan allows ${slots}`);
    if (tokens > microBatch) return new Error(`texts of ${tokens} tokens; the plan allows ${microBatch}`);
    if (texts.some((text) => text.length === 0)) return new Error("a text has no tokens");
    const wrong = texts.flatMap((text) => [...text]).find((token) => token < 0 || token >= this.vocabulary.size);
    return wrong === undefined ? undefined : new Error(`token ${wrong} is not in 0..${this.vocabulary.size - 1}`);
  }

  /** Each token adds a direction of its own, and each pair of neighbours half of one. */
  #vectorOf(text: Int32Array): Float32Array {
    const vector = new Float32Array(dimensions);
    text.forEach((token, at) => {
      const own = extend(this.#model, token);
      const pair = extend(own, text[at + 1] ?? -1);
      for (let i = 0; i < dimensions; i++) vector[i]! += direction(own, i) + direction(pair, i) / 2;
    });
    return normalized(vector);
  }
}

/** -1 .. 1. */
function direction(hash: number, dimension: number): number {
  return chance(hash, dimension, 2001) / 1000 - 1;
}
