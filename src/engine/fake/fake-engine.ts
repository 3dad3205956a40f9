import type { ExecutionPlan } from "../../core/execution-plan.ts";
import type { Batch, Capabilities, Engine, EngineInfo, SavedSequence, StepOutput } from "../engine.ts";
import type { Vocabulary, VocabularyHandle } from "../vocabulary.ts";
import { checkBatch } from "./check-batch.ts";
import { FakeVocabulary } from "./fake-vocabulary.ts";
import { Language } from "./language.ts";
import { parseFakeOptions, type FakeOptions } from "./options.ts";
import { Rows, rowsOf } from "./rows.ts";
import { Script } from "./script.ts";
import { SlotMemory } from "./slot-memory.ts";
import { pretendToLoad, Steps } from "./steps.ts";

const trainedContext = 32_768;

/**
 * An engine without a model, in the same process and with the same rules: it says words that depend on the tokens
 * before them and on nothing else, costs what its options say, fails when they say, and throws when its caller breaks a
 * rule that a real engine could not check. For trying the server out, and for every test that needs exact answers.
 * Options: see options.ts. Throws `invalid_config`, or `invalid_model_file` with loadFails.
 */
export function openFakeEngine(
  plan: ExecutionPlan,
  options: string,
  onProgress: (fraction: number) => void = () => {},
): Engine {
  const parsed = parseFakeOptions(options);
  pretendToLoad(plan.modelFile, parsed, onProgress);
  return new FakeEngine(plan, { ...parsed, text: options });
}

/** Opens the vocabulary of an engine with the same options. Throws `invalid_config`. */
export function openFakeVocabulary(options: string): Vocabulary {
  return new FakeVocabulary(parseFakeOptions(options));
}

function capabilitiesOf({ window, recurrent }: FakeOptions, plan: ExecutionPlan): Capabilities {
  return {
    trimInPlace: !recurrent && (window === 0 || plan.swaFull),
    trimAfterRestore: !recurrent && window === 0,
    window,
    recurrent,
  };
}

class FakeEngine implements Engine {
  readonly plan: ExecutionPlan;
  readonly info: EngineInfo;
  readonly vocabulary: FakeVocabulary;
  readonly vocabularyHandle: VocabularyHandle;
  readonly abortFlag = new Uint8Array(new SharedArrayBuffer(1));
  readonly #options: FakeOptions;
  readonly #language: Language;
  readonly #slots: readonly SlotMemory[];
  readonly #rows: Rows;
  readonly #steps: Steps;
  #closed = false;

  constructor(plan: ExecutionPlan, options: FakeOptions & { text: string }) {
    const capabilities = capabilitiesOf(options, plan);
    const contextPerSlot = Math.min(plan.contextPerSlot, trainedContext);
    this.plan = plan;
    this.vocabulary = new FakeVocabulary(options);
    this.vocabularyHandle = { kind: "fake", options: options.text };
    this.info = {
      library: "fake",
      cpuVariant: "none: nothing is computed",
      description: `fake model with seed ${options.seed} and ${this.vocabulary.size} tokens`,
      contextPerSlot,
      trainedContext,
      capabilities,
    };
    this.#options = options;
    this.#language = new Language(this.vocabulary, new Script(this.vocabulary, options.script));
    const shape = { capacity: contextPerSlot, seed: options.seed, capabilities };
    this.#slots = Array.from({ length: plan.slots }, () => new SlotMemory(shape));
    this.#rows = new Rows(plan.outputs, this.vocabulary.size);
    this.#steps = new Steps(options);
  }

  step(batch: Batch): StepOutput {
    this.#checkOpen();
    checkBatch(batch, { plan: this.plan, vocabularySize: this.vocabulary.size, held: (slot) => this.held(slot) });
    this.#rows.begin();
    this.#steps.begin(batch.map(({ tokens, from, count }) => tokens.subarray(from, from + count)));
    if (this.#steps.count === this.#options.noRoomAtStep || !this.#fits(batch)) return withoutLogits("no-room");
    const tokens = batch.reduce((sum, item) => sum + item.count, 0);
    const passed = this.#steps.compute({ tokens, sequences: batch.length }, this.abortFlag);
    return passed < 1 ? this.#abandon(batch, passed) : this.#complete(batch);
  }

  held(slot: number): number {
    return this.#slot(slot).length;
  }

  trim(slot: number, length: number): boolean {
    return this.#slot(slot).trim(length);
  }

  copy(from: number, to: number, length: number): boolean {
    if (from === to) throw new Error(`slot ${from} cannot be copied to itself`);
    return this.#slot(to).copyFrom(this.#slot(from), length);
  }

  save(slot: number, into?: SavedSequence): SavedSequence {
    return this.#slot(slot).save(into);
  }

  restore(slot: number, saved: SavedSequence): void {
    this.#slot(slot).restore(saved);
  }

  setThreads(threads: number): void {
    if (!Number.isInteger(threads) || threads < 1 || threads > this.plan.threads)
      throw new Error(`threads are 1..${this.plan.threads}, not ${threads}`);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
  }

  #slot(slot: number): SlotMemory {
    this.#checkOpen();
    const memory = this.#slots[slot];
    if (memory === undefined) throw new Error(`slots are 0..${this.plan.slots - 1}, not ${slot}`);
    return memory;
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error("the engine is closed");
  }

  #fits(batch: Batch): boolean {
    return batch.every((item) => item.from + item.count <= this.info.contextPerSlot);
  }

  #complete(batch: Batch): StepOutput {
    for (const item of batch) {
      const memory = this.#slot(item.slot);
      for (let i = 0; i < item.count; i++) {
        memory.append(item.tokens[item.from + i]!);
        if (i < item.count - rowsOf(item)) continue;
        this.#language.fill(this.#rows.take(), memory.contextAt(item.from + i));
      }
    }
    return this.#rows.output(batch);
  }

  /** As in a real engine, as much of the batch stays computed as there was time for; a recurrent state is lost. */
  #abandon(batch: Batch, passed: number): StepOutput {
    let left = Math.floor(passed * batch.reduce((sum, item) => sum + item.count, 0));
    for (const { slot, tokens, from, count } of batch) {
      for (let i = 0; i < count && left > 0; i++, left--) this.#slot(slot).append(tokens[from + i]!);
      if (this.info.capabilities.recurrent) this.trim(slot, 0);
    }
    return withoutLogits("aborted");
  }
}

function withoutLogits(status: "aborted" | "no-room"): StepOutput {
  return {
    status,
    logits: () => {
      throw new Error(`a step that ended with '${status}' has no logits`);
    },
  };
}
