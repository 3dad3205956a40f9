import type { ExecutionPlan } from "../core/execution-plan.ts";
import type { Vocabulary, VocabularyHandle } from "./vocabulary.ts";

/** What this model's memory can do in this plan. Wrong answers are silent, so callers ask before they reuse anything. */
export interface Capabilities {
  /** `trim` to a shorter length is exact for a sequence computed in place. */
  readonly trimInPlace: boolean;
  /** `trim` to a shorter length is exact also after `restore`. False: restore and continue at the saved length only. */
  readonly trimAfterRestore: boolean;
  /** Size of the sliding attention window in tokens; 0 = none. */
  readonly window: number;
  /** The memory is a state, not a list of cells (Mamba, RWKV): it can only be cleared. */
  readonly recurrent: boolean;
}

/** What the engine turned out to be, in plain data: it crosses to the server process. */
export interface EngineInfo {
  /** "llama.cpp 0.5.0" or "fake". */
  readonly library: string;
  /** The CPU backend variant in use ("zen4"), or why there is none. */
  readonly cpuVariant: string;
  /** One line about the model: architecture, size, layout. */
  readonly description: string;
  /** Tokens of context of one slot, after the model's own limit. */
  readonly contextPerSlot: number;
  readonly trainedContext: number;
  readonly capabilities: Capabilities;
  /** Numbers of a vector; missing = it generates. */
  readonly dimensions?: number;
}

/** A stretch of one sequence to compute: `tokens[from .. from+count)` at the positions of the same numbers. */
export interface BatchItem {
  readonly slot: number;
  readonly tokens: Int32Array;
  readonly from: number;
  readonly count: number;
  /** Which positions give logits. */
  readonly outputs: "none" | "last" | "all";
}

export type Batch = readonly BatchItem[];

/** Valid until the next step: the logits are a view of the engine's own memory. */
export interface StepOutput {
  /**
   * `done`; or `aborted` (the abort flag was set: nothing of the batch counts until `held()` was read);
   * or `no-room` (the KV cache could not place the batch; nothing was computed).
   */
  readonly status: "done" | "aborted" | "no-room";
  /**
   * The logits after token `at` of `batch[item]` (0 .. count-1; default: its last), one float per vocabulary entry.
   * Throws if that token asked for no output, or if the step is not `done`.
   */
  logits(item: number, at?: number): Float32Array;
}

/** A sequence's state in host memory. Its bytes mean something only to the engine and plan that made it. */
export interface SavedSequence {
  readonly length: number;
  readonly bytes: Uint8Array;
}

/**
 * A model in memory with `slots` sequences side by side. Synchronous on purpose: a step blocks its thread, and the
 * thread pool stays warm. A native failure kills the process; that is why an engine lives in a process of its own.
 */
export interface Engine extends Disposable {
  readonly plan: ExecutionPlan;
  readonly info: EngineInfo;
  readonly vocabulary: Vocabulary;
  /** Opens the same vocabulary on another thread, see `openVocabulary`. Valid while the engine is open. */
  readonly vocabularyHandle: VocabularyHandle;
  /** One byte shared with other threads: non-zero ends a running step as soon as possible. The setter clears it. */
  readonly abortFlag: Uint8Array;

  /**
   * Computes the batch. Each item must begin where its slot's sequence ends: `from === held(slot)`. With one KV stream
   * per sequence, llama.cpp computes items together only when their slots ascend by one: every descent or gap costs a
   * pass over the weights of its own (`split_equal` in llama-batch.cpp). So list them by slot and hold low slots.
   */
  step(batch: Batch): StepOutput;
  /** Tokens of the slot's sequence that are in memory now. */
  held(slot: number): number;
  /**
   * Forgets all but the first `length` tokens. False = it cannot (see capabilities) and nothing changed; to 0 it always
   * can. Throws if fewer are held.
   */
  trim(slot: number, length: number): boolean;
  /** Makes `to` hold the first `length` tokens of `from`. False = this memory cannot; `to` may be empty then. */
  copy(from: number, to: number, length: number): boolean;
  /** Copies a slot's state to host memory. With `into`, a buffer of a former save is used again if it is large enough, else freed. */
  save(slot: number, into?: SavedSequence): SavedSequence;
  /** Makes `slot` hold what was saved, whatever it held before. */
  restore(slot: number, saved: SavedSequence): void;
  /** Threads of the following steps: 1 .. plan.threads. */
  setThreads(threads: number): void;
}
