import { pending, type Sequence } from "./sequence.ts";
import type { SchedulerState } from "./state.ts";
import { decodesOf, prefillOf } from "./step-cost.ts";

/** The lengths at which rates are taken: a usual prompt, and a usual context of a decode. */
const promptTokens = 512;
const contextTokens = 512;

/**
 * What the work that is there will take, by the step cost as it is known now: two rates, made once for many questions.
 * A forecast of how long answers will be can be no better than how long they were, so neither is anything else here.
 */
export class Forecast {
  readonly #state: SchedulerState;
  readonly #msPerPromptToken: number;
  /** When every slot takes part in a step. */
  readonly #msPerAnswerToken: number;

  constructor(state: SchedulerState) {
    const { slots } = state;
    this.#state = state;
    this.#msPerPromptToken = state.cost.predict(prefillOf(0, promptTokens)) / promptTokens;
    this.#msPerAnswerToken = this.#stepMs(slots.total) / slots.total;
  }

  /** Predicted ms of computing its whole prompt. */
  promptMs({ promptLength }: Sequence): number {
    return promptLength * this.#msPerPromptToken;
  }

  /** Predicted ms of steps until the sequence has its end, when it shares them with as many others as there are slots. */
  remainingMs(sequence: Sequence): number {
    return this.#prefillMs(sequence) + this.#answerTokensLeft(sequence) * this.#msPerAnswerToken;
  }

  /** Predicted ms until all that waits now has been served. */
  drainMs(): number {
    let ms = 0;
    for (const sequence of this.#state.waiting) ms += this.remainingMs(sequence);
    return ms;
  }

  /**
   * Predicted ms from now to the end of a sequence that is about to be added: what goes before it, its prompt, and an
   * answer as long as answers are.
   */
  endMs(sequence: Sequence, isBefore: (other: Sequence) => boolean): number {
    const { running, waiting, slots } = this.#state;
    let ms = this.#prefillMs(sequence);
    if (running.length >= slots.total) for (const other of waiting) if (isBefore(other)) ms += this.remainingMs(other);
    const beside = Math.min(slots.total, running.length + 1);
    return ms + this.#answerTokensLeft(sequence) * this.#stepMs(beside);
  }

  #prefillMs(sequence: Sequence): number {
    const tokens = pending(sequence);
    return tokens > 1 ? tokens * this.#msPerPromptToken : 0;
  }

  /** An answer is as long as answers have been, but not longer than it may be. */
  #answerTokensLeft({ length, promptLength, limit }: Sequence): number {
    return Math.min(limit - length, Math.max(1, this.#state.answerTokens - (length - promptLength)));
  }

  #stepMs(decodes: number): number {
    return this.#state.cost.predict(decodesOf(decodes, decodes * contextTokens));
  }
}
