import { normalized } from "../../core/embedding.ts";
import type { ExecutionPlan } from "../../core/execution-plan.ts";
import { failure } from "../../core/errors.ts";
import { tooLong, type Embedder, type EmbedderInfo } from "../embedder.ts";
import type { BatchItem } from "../engine.ts";
import type { Vocabulary, VocabularyHandle } from "../vocabulary.ts";
import { FlatBatch } from "./flat-batch.ts";
import { openLlamaVocabulary } from "./llama-vocabulary.ts";
import { libraryInfo, withLoadedModel, type LlamaParts } from "./llama-parts.ts";
import { decodeResults, poolingTypes } from "./native-constants.ts";
import { viewFloats, type Native, type Pointer } from "./native.ts";
import { OpenContext } from "./open-context.ts";

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
  readonly #native: Native;
  readonly #context: OpenContext;
  /** Of a model that generates; an encoder has none. */
  readonly #memory: Pointer | null;
  readonly #batch: FlatBatch;

  /** Frees all that it made when it throws, but not the model. */
  constructor(parts: LlamaParts) {
    const { native, plan, model, directory } = parts;
    const trainedContext = native.trainedContext(model);
    const contextPerSlot = Math.min(plan.contextPerSlot, plan.microBatch, trainedContext);
    this.plan = plan;
    this.vocabularyHandle = { kind: "llama", libraryDirectory: directory, model };
    this.vocabulary = openLlamaVocabulary(this.vocabularyHandle);
    this.#native = native;
    this.#context = new OpenContext(parts, contextPerSlot, (context) => {
      const pooling = native.poolingType(context);
      if (pooling < poolingTypes.mean || pooling > poolingTypes.last) throw withoutPooling();
    });
    this.#memory = native.memory(this.#context.pointer);
    const dimensions = native.embeddingLength(model);
    this.info = {
      ...libraryInfo(parts, `vectors of ${dimensions} numbers`),
      contextPerSlot,
      trainedContext,
      capabilities: { trimInPlace: false, trimAfterRestore: false, window: 0, recurrent: false },
      dimensions,
    };
    this.#batch = new FlatBatch({
      tokens: plan.microBatch,
      outputs: plan.microBatch,
      vocabularySize: this.vocabulary.size,
      held: new Int32Array(plan.slots),
    });
  }

  get abortFlag(): Uint8Array {
    return this.#context.abortFlag;
  }

  embed(texts: readonly Int32Array[]): Float32Array[] | undefined {
    this.#context.requireOpen();
    const refusal = tooLong(texts, this.info.contextPerSlot);
    if (refusal !== undefined) throw refusal;
    this.#batch.fill(texts.map(itemOf));
    if (texts.length === 0) return [];
    this.#context.threads.use(this.plan.batchThreads);
    const [native, context, batch] = [this.#native, this.#context.pointer, this.#batch.native];
    const result = this.#memory === null ? native.encode(context, batch) : native.decode(context, batch);
    const vectors = result === decodeResults.done ? texts.map((_, slot) => this.#vectorOf(slot)) : undefined;
    if (this.#memory !== null) this.#native.removeRange(this.#memory, -1, -1, -1);
    if (vectors === undefined && result !== decodeResults.aborted) {
      throw failure("engine_failed", { problem: `llama.cpp returned ${result} for a call; its log says why` });
    }
    return vectors;
  }

  setThreads(threads: number): void {
    this.#context.threads.limit(threads);
  }

  [Symbol.dispose](): void {
    this.#context[Symbol.dispose]();
  }

  /** Copied: the next call writes to the same memory. */
  #vectorOf(slot: number): Float32Array {
    const address = this.#native.sequenceEmbedding(this.#context.pointer, slot);
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
