import type { ExecutionPlan } from "../core/execution-plan.ts";
import { failure, type MillraceError } from "../core/errors.ts";
import type { EngineInfo } from "./engine.ts";
import type { Vocabulary, VocabularyHandle } from "./vocabulary.ts";

/** What the embedder turned out to be; of its context per slot, a text may use all. */
export interface EmbedderInfo extends EngineInfo {
  readonly dimensions: number;
}

/**
 * A model in memory that makes vectors of texts, in a context of its own (a plan with `task: "embed"`). Synchronous, like
 * `Engine`, and nothing stays from one call to the next.
 */
export interface Embedder extends Disposable {
  readonly plan: ExecutionPlan;
  readonly info: EmbedderInfo;
  readonly vocabulary: Vocabulary;
  /** Opens the same vocabulary on another thread, see `openVocabulary`. Valid while the embedder is open. */
  readonly vocabularyHandle: VocabularyHandle;
  /** One byte shared with other threads: non-zero ends a running call as soon as possible. The setter clears it. */
  readonly abortFlag: Uint8Array;

  /**
   * The vectors of some texts, in their order: `info.dimensions` numbers each, of length 1. A text is its tokens, with the
   * special ones (`addSpecial`). All are computed in one pass, or none: at most `plan.slots` texts with `plan.microBatch`
   * tokens together. Undefined = the abort flag was set.
   *
   * Throws `context_length_exceeded` for a text longer than `info.contextPerSlot`, and `engine_failed` (the fake: a plain
   * Error) for what the caller should have known: too much at once, an empty text, a token outside the vocabulary.
   */
  embed(texts: readonly Int32Array[]): readonly Float32Array[] | undefined;
  /** Threads of the following calls: 1 .. plan.threads. */
  setThreads(threads: number): void;
}

/** Why one of the texts is refused before anything is computed; undefined = none is too long. */
export function tooLong(texts: readonly Int32Array[], limit: number): MillraceError | undefined {
  const longest = texts.reduce((most, { length }) => Math.max(most, length), 0);
  return longest > limit ? failure("context_length_exceeded", { prompt: `${longest}`, limit }) : undefined;
}
