import { toMillraceError, failure, type MillraceError } from "../../core/errors.ts";
import type { Vocabulary } from "../../engine/vocabulary.ts";
import type { Sampler } from "../../scheduler/sequence.ts";
import type { State, Work } from "./automaton.ts";
import type { Grammar } from "./grammar.ts";
import { maskedLogits } from "./token-mask.ts";

/**
 * What an answer may take of the thread that steps for all: at first for the masks of places that were not seen before, some
 * 0.2 s or a thousand times what one usually takes; then for each token some 2 ms.
 */
const mostWork = 500_000;
const workPerToken = 5000;

/** A sampler that chooses among the tokens that a grammar allows after those chosen before. */
export class ConstrainedSampler {
  readonly sample: Sampler;
  readonly #grammar: Grammar;
  readonly #vocabulary: Vocabulary;
  #state: State;
  #error: MillraceError | undefined;
  readonly #work: Work = { left: mostWork };

  constructor(sample: Sampler, grammar: Grammar, vocabulary: Vocabulary) {
    this.#grammar = grammar;
    this.#vocabulary = vocabulary;
    this.#state = grammar.start;
    this.sample = (logits, history) => {
      const token = sample(this.#masked(logits), history);
      this.#accept(token);
      return token;
    };
  }

  /** Why the last token is none that may stand there: the answer cannot go on. */
  get error(): MillraceError | undefined {
    return this.#error;
  }

  /** Follows tokens that were chosen by another sampler of the same request. */
  replay(tokens: Int32Array): void {
    tokens.forEach((token) => this.#accept(token));
  }

  /** Tokens of the text that must come now, which need not be chosen; they count as if they had been. */
  forced(): Int32Array {
    return this.#try(() => {
      const tokens = this.#grammar.forcedAfter(this.#state);
      this.replay(tokens);
      return tokens;
    }, new Int32Array(0));
  }

  #masked(logits: Float32Array): Float32Array {
    return this.#try(() => maskedLogits(logits, this.#grammar.maskAt(this.#state, this.#work)), logits);
  }

  #accept(token: number): void {
    const isEnd = this.#vocabulary.endsGeneration(token);
    this.#work.left = Math.min(mostWork, this.#work.left + workPerToken);
    const next = this.#try(() => {
      if (isEnd) return this.#state.accepts ? this.#state : undefined;
      const piece = this.#vocabulary.piece(token);
      return piece.length === 0 ? undefined : this.#grammar.after(this.#state, piece, this.#work);
    }, undefined);
    if (next !== undefined) this.#state = next;
    else this.#error ??= failure("constraint_failed", { problem: "the model has no token for what must come next" });
  }

  /** What fails here is one answer, not the step that it is part of. */
  #try<T>(action: () => T, otherwise: T): T {
    try {
      return action();
    } catch (error) {
      this.#error ??= toMillraceError(error);
      return otherwise;
    }
  }
}
