import type { StepPulse } from "./messages.ts";

export interface LivenessLimits {
  /** An engine process that was not heard of for so long is dead. */
  readonly silenceMs: number;
  /** A step may take this long, or this long per token if that is more: four tokens a second is no model's fault. */
  readonly stepMs: number;
  readonly stepMsPerToken: number;
  /** From an abort to the end of the step: one operation of the network. */
  readonly abortMs: number;
}

export const livenessLimits: LivenessLimits = { silenceMs: 10_000, stepMs: 30_000, stepMsPerToken: 250, abortMs: 5000 };

export type Verdict =
  | { readonly type: "alive" }
  /** The running step must end. */
  | { readonly type: "abort" }
  | { readonly type: "kill"; readonly why: string };

const alive: Verdict = { type: "alive" };

/** Judges from its messages whether an engine process still works. Pure: times are arguments, in milliseconds. */
export class Liveness {
  readonly #limits: LivenessLimits;
  #heard: number;
  #checked: number;
  #aborted: number | undefined;

  constructor(limits: LivenessLimits, now: number) {
    this.#limits = limits;
    this.#heard = now;
    this.#checked = now;
  }

  heard(now: number): void {
    this.#heard = now;
  }

  /** To be called several times in each `silenceMs`. */
  check(now: number): Verdict {
    // Not called for long: it was this process that stood still, and messages may wait unread.
    if (now - this.#checked > this.#limits.silenceMs / 2) this.#heard = now;
    this.#checked = now;
    if (now - this.#heard <= this.#limits.silenceMs) return alive;
    return { type: "kill", why: `it was not heard of for ${seconds(this.#limits.silenceMs)} s` };
  }

  /** A step far too long is aborted; killed if it does not end then, or if the step after it is as bad. */
  judge({ step, tokens, milliseconds }: StepPulse): Verdict {
    const { stepMs, stepMsPerToken, abortMs } = this.#limits;
    const limit = Math.max(stepMs, tokens * stepMsPerToken);
    if (milliseconds <= limit) return alive;
    if (this.#aborted === undefined || step > this.#aborted + 1) {
      this.#aborted = step;
      return { type: "abort" };
    }
    if (step === this.#aborted && milliseconds <= limit + abortMs) return alive;
    return { type: "kill", why: `a step of ${tokens} tokens did not end within ${seconds(limit)} s` };
  }
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds / 100) / 10;
}
