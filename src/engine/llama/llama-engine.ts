import type { ExecutionPlan } from "../../core/execution-plan.ts";
import { failure } from "../../core/errors.ts";
import type { Batch, Capabilities, Engine, EngineInfo, SavedSequence, StepOutput } from "../engine.ts";
import type { Vocabulary, VocabularyHandle } from "../vocabulary.ts";
import { FlatBatch, outputsOf } from "./flat-batch.ts";
import { openLlamaVocabulary } from "./llama-vocabulary.ts";
import { libraryInfo, withLoadedModel, type LlamaParts } from "./llama-parts.ts";
import { LogitsRows } from "./logits-rows.ts";
import { decodeResults } from "./native-constants.ts";
import type { Native, Pointer } from "./native.ts";
import { SequenceMemory } from "./sequence-memory.ts";
import { OpenContext } from "./open-context.ts";

/** Loads the plan's model on this thread. `onProgress` gets 0..1. Throws MillraceError. */
export function openLlamaEngine(plan: ExecutionPlan, onProgress: (fraction: number) => void): Engine {
  if (plan.task !== "generate") throw failure("engine_failed", { problem: `a plan to ${plan.task} does not generate` });
  return withLoadedModel(plan, onProgress, (parts) => new LlamaEngine(parts));
}

class LlamaEngine implements Engine {
  readonly plan: ExecutionPlan;
  readonly info: EngineInfo;
  readonly vocabulary: Vocabulary;
  readonly vocabularyHandle: VocabularyHandle;
  readonly #native: Native;
  readonly #context: OpenContext;
  readonly #memory: SequenceMemory;
  readonly #batch: FlatBatch;
  readonly #rows: LogitsRows;

  /** Frees all that it made when it throws, but not the model. */
  constructor(parts: LlamaParts) {
    const { native, plan, model, directory } = parts;
    const capabilities = capabilitiesOf(native, model, plan);
    const trainedContext = native.trainedContext(model);
    const contextPerSlot = Math.min(plan.contextPerSlot, trainedContext);
    this.plan = plan;
    this.info = {
      ...libraryInfo(parts, `${plan.kvLayout} ${plan.kvTypeK}/${plan.kvTypeV} KV`),
      contextPerSlot,
      trainedContext,
      capabilities,
    };
    this.vocabularyHandle = { kind: "llama", libraryDirectory: directory, model };
    this.vocabulary = openLlamaVocabulary(this.vocabularyHandle);
    this.#native = native;
    this.#context = new OpenContext(parts, contextPerSlot, (context) => {
      if (native.memory(context) === null) throw encodes(plan);
    });
    this.#memory = new SequenceMemory(native, this.#context.pointer, { plan, capabilities });
    this.#batch = new FlatBatch({
      tokens: native.batchLimit(this.#context.pointer),
      outputs: plan.outputs,
      vocabularySize: this.vocabulary.size,
      held: this.#memory.held,
    });
    this.#rows = new LogitsRows(this.vocabulary.size);
  }

  get abortFlag(): Uint8Array {
    return this.#context.abortFlag;
  }

  step(batch: Batch): StepOutput {
    this.#context.requireOpen();
    const flat = this.#batch;
    flat.fill(batch);
    for (const { from, count } of batch) if (from + count > this.info.contextPerSlot) return new LlamaOutput("no-room");
    if (batch.length === 0) return new LlamaOutput("done");
    // The library takes every batch of more than one token for a prefill; here decodes of many sequences are decodes.
    this.#context.threads.use(flat.hasPrefill ? this.plan.batchThreads : this.plan.threads);
    const result = this.#native.decode(this.#context.pointer, flat.native);
    switch (result) {
      case decodeResults.done:
        for (const { slot, from, count } of batch) this.#memory.held[slot] = from + count;
        if (flat.rows > 0) this.#rows.refresh(this.#native.logits(this.#context.pointer), flat.rows);
        return new LlamaOutput("done", { batch, firstRow: flat.firstRow, rows: this.#rows });
      case decodeResults.noRoom:
        return new LlamaOutput("no-room");
      case decodeResults.aborted:
        this.#memory.recount(batch);
        return new LlamaOutput("aborted");
      default:
        this.#memory.recount(batch);
        throw failure("engine_failed", { problem: `llama_decode returned ${result}; the log says why` });
    }
  }

  held(slot: number): number {
    return this.#memory.heldBy(slot);
  }

  trim(slot: number, length: number): boolean {
    this.#context.requireOpen();
    return this.#memory.trim(slot, length);
  }

  copy(from: number, to: number, length: number): boolean {
    this.#context.requireOpen();
    return this.#memory.copy(from, to, length);
  }

  save(slot: number, into?: SavedSequence): SavedSequence {
    this.#context.requireOpen();
    return this.#memory.save(slot, into);
  }

  restore(slot: number, saved: SavedSequence): void {
    this.#context.requireOpen();
    this.#memory.restore(slot, saved);
  }

  setThreads(threads: number): void {
    this.#context.threads.limit(threads);
  }

  [Symbol.dispose](): void {
    this.#context[Symbol.dispose]();
  }
}

interface Computed {
  readonly batch: Batch;
  readonly firstRow: Int32Array;
  readonly rows: LogitsRows;
}

class LlamaOutput implements StepOutput {
  readonly status: StepOutput["status"];
  readonly #computed: Computed | undefined;

  constructor(status: StepOutput["status"], computed?: Computed) {
    this.status = status;
    this.#computed = computed;
  }

  logits(index: number, at?: number): Float32Array {
    const item = this.#computed?.batch[index];
    if (item === undefined)
      throw failure("engine_failed", { problem: `the step (${this.status}) has no item ${index}` });
    const row = outputsOf(item) - item.count + (at ?? item.count - 1);
    if (!(row >= 0 && row < outputsOf(item))) {
      throw failure("engine_failed", { problem: `token ${at ?? "last"} of item ${index} asked for no logits` });
    }
    return this.#computed!.rows.at(this.#computed!.firstRow[index]! + row);
  }
}

function capabilitiesOf(native: Native, model: Pointer, plan: ExecutionPlan): Capabilities {
  const window = Math.max(0, native.slidingWindow(model));
  const recurrent = native.isRecurrent(model) || native.isHybrid(model);
  if (native.hasEncoder(model) || !native.hasDecoder(model)) throw encodes(plan);
  // A saved state has only what the window still sees, swaFull or not.
  return {
    trimInPlace: !recurrent && (window === 0 || plan.swaFull),
    trimAfterRestore: !recurrent && window === 0,
    window,
    recurrent,
  };
}

/** Also a model that sees a text only as a whole (BERT): the library keeps nothing of its sequences. */
function encodes({ modelFile }: ExecutionPlan): Error {
  return failure("invalid_model_file", { file: modelFile, problem: "is an encoder: it cannot generate" });
}
