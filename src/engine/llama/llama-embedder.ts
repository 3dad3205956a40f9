import { normalized } from "../../core/embedding.ts";
import type { ExecutionPlan } from "../../core/execution-plan.ts";
import { failure } from "../../core/errors.ts";
import { tooLong, type Embedder, type EmbedderInfo } from "../embedder.ts";
import type { BatchItem } from "../engine.ts";
import type { Vocabulary, VocabularyHandle } from "../vocabulary.ts";
import { FlatBatch } from "./flat-batch.ts";
import { openLlamaVocabulary } from "./llama-vocabulary.ts";
import { libraryInfo, withLoadedModel, type LlamaParts } from "./llama-parts.ts";
import { newContext } from "./load-model.ts";
import { decodeResults, poolingTypes } from "./native-constants.ts";
import { addressOf, viewFloats, type Native, type Pointer } from "./native.ts";
import { StepThreads } from "./step-threads.ts";
import { ThreadPools } from "./thread-pools.ts";

/** Loads the plan's model on this thread. `onProgress` gets 0..1. Throws MillraceError. */
export function openLlamaEmbedder(plan: ExecutionPlan, onProgress: (fraction: number) => void): Embedder {
  if (plan.task !== "embed") throw failure("engine_failed", { problem: `a plan to ${plan.task} makes no vectors` });
  return withLoadedModel(plan, onProgress, (parts) => new LlamaEmbedder(parts));
}

class LlamaEmbedder implements Embedder {
  readonly plan: ExecutionPlan;
  readonly info: EmbedderInfo;
  readonly vocabulary: Vocabulary;
  readonly vocabularyHandle: VocabularyHandle;
  readonly abortFlag: Uint8Array;
  readonly #native: Native;
  readonly #model: Pointer;
  readonly #context: Pointer;
  /** Of a model that generates; an encoder has none. */
  readonly #memory: Pointer | null;
  readonly #pools: ThreadPools;
  readonly #threads: StepThreads;
  readonly #batch: FlatBatch;
  #open = true;

  /** Frees all that it made when it throws, but not the model. */
  constructor(parts: LlamaParts) {
    const { native, plan, backend, model, directory } = parts;
    const trainedContext = native.trainedContext(model);
    const contextPerSlot = Math.min(plan.contextPerSlot, plan.microBatch, trainedContext);
    this.plan = plan;
    this.vocabularyHandle = { kind: "llama", libraryDirectory: directory, model };
    this.vocabulary = openLlamaVocabulary(this.vocabularyHandle);
    // The zero after the flag is part of what native code reads.
    this.abortFlag = new Uint8Array(new SharedArrayBuffer(8), 0, 1);
    this.#native = native;
    this.#model = model;
    this.#context = newContext(native, plan, { model, contextPerSlot, abortFlag: addressOf(this.abortFlag) });
    try {
      const pooling = native.poolingType(this.#context);
      if (pooling < poolingTypes.mean || pooling > poolingTypes.last) throw withoutPooling();
      this.#pools = new ThreadPools(native, backend.backend, plan);
    } catch (error) {
      native.freeContext(this.#context);
      throw error;
    }
    this.#memory = native.memory(this.#context);
    const dimensions = native.embeddingLength(model);
    const capabilities = { trimInPlace: false, trimAfterRestore: false, window: 0, recurrent: false };
    this.info = {
      ...libraryInfo(parts, `vectors of ${dimensions} numbers`),
      contextPerSlot,
      trainedContext,
      capabilities: { ...capabilities, encoder: this.#memory === null },
      dimensions,
    };
    this.#threads = new StepThreads(this.#pools, this.#context, plan);
    this.#batch = new FlatBatch({
      tokens: plan.microBatch,
      outputs: plan.microBatch,
      vocabularySize: this.vocabulary.size,
      held: new Int32Array(plan.slots),
    });
  }

  embed(texts: readonly Int32Array[]): Float32Array[] | undefined {
    if (!this.#open) throw failure("engine_failed", { problem: "it is closed" });
    const refusal = tooLong(texts, this.info.contextPerSlot);
    if (refusal !== undefined) throw refusal;
    this.#batch.fill(texts.map(itemOf));
    if (texts.length === 0) return [];
    this.#threads.use(this.plan.batchThreads);
    const [native, context, batch] = [this.#native, this.#context, this.#batch.native];
    const result = this.#memory === null ? native.encode(context, batch) : native.decode(context, batch);
    const vectors = result === decodeResults.done ? texts.map((_, slot) => this.#vectorOf(slot)) : undefined;
    if (this.#memory !== null) this.#native.removeRange(this.#memory, -1, -1, -1);
    if (vectors === undefined && result !== decodeResults.aborted) {
      throw failure("engine_failed", { problem: `llama.cpp returned ${result} for a call; its log says why` });
    }
    return vectors;
  }

  setThreads(threads: number): void {
    this.#threads.limit(threads);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#native.detachThreadPool(this.#context);
    this.#native.freeContext(this.#context);
    this.#pools[Symbol.dispose]();
    this.#native.freeModel(this.#model);
  }

  /** Copied: the next call writes to the same memory. */
  #vectorOf(slot: number): Float32Array {
    const address = this.#native.sequenceEmbedding(this.#context, slot);
    if (address === null) throw failure("engine_failed", { problem: `the library gave no vector of text ${slot}` });
    return normalized(viewFloats(address, this.info.dimensions).slice());
  }
}

function itemOf(tokens: Int32Array, slot: number): BatchItem {
  return { slot, tokens, from: 0, count: tokens.length, outputs: "all" };
}

/** What the library gives for another kind of pooling (of rankers, of models that generate) is no vector of this length. */
function withoutPooling(): Error {
  const problem = "this model's file does not say how to make one vector of a text; choose a pooling";
  return failure("engine_failed", { problem });
}
