import type { Clock } from "../core/clock.ts";
import type { Batch, Engine } from "../engine/engine.ts";
import { applyStarts, applyStep, samplesAfter, type SequenceEvent } from "./apply-step.ts";
import { planStep, type StepLimits, type StepPlan } from "./plan-step.ts";
import type { Sequence } from "./sequence.ts";
import { ThreadGovernor } from "./thread-governor.ts";
import { checkConservation, newState, removeSequence, type SchedulerState } from "./state.ts";

/** What one step was: the raw material of every metric. */
export interface StepReport {
  /** Counts from 1. */
  readonly step: number;
  /** Duration of the engine's step alone. */
  readonly milliseconds: number;
  /** Tokens computed, and sequences that they belong to. */
  readonly tokens: number;
  readonly sequences: number;
  /** Engine threads that the loop has settled on. */
  readonly threads: number;
  /** After the step. */
  readonly running: number;
  readonly waiting: number;
}

export interface StepLoopOptions {
  readonly limits: StepLimits;
  readonly clock: Clock;
  /** Called for each event of a step, at once; it may remove sequences. */
  readonly onEvent: (event: SequenceEvent) => void;
  /** Called after each step, and with no report whenever the loop runs out of work. */
  readonly onStep: (report: StepReport | undefined) => void;
}

/** Drives one engine: plan, step, apply, and a turn for the event loop, where submissions and cancels get in. */
export class StepLoop {
  readonly #engine: Engine;
  readonly #options: StepLoopOptions;
  readonly #state: SchedulerState;
  readonly #governor: ThreadGovernor;
  #threads: number;
  #steps = 0;
  #wake: () => void = () => {};

  constructor(engine: Engine, options: StepLoopOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#state = newState(engine.plan.slots);
    this.#threads = engine.plan.threads;
    this.#governor = new ThreadGovernor(this.#threads);
  }

  add(sequence: Sequence): void {
    this.#state.waiting.push(sequence);
    this.#wake();
  }

  /** Frees all that the sequence holds; it is in no later step. */
  remove(sequence: Sequence): void {
    removeSequence(this.#state, sequence);
    this.#wake();
  }

  credit(sequence: Sequence, tokens: number): void {
    sequence.credit += tokens;
    this.#wake();
  }

  /** Runs until `signal` aborts. An error of the engine is thrown: the engine is not to be trusted after it. */
  async run(signal: AbortSignal): Promise<void> {
    const { limits, clock, onEvent, onStep } = this.#options;
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    while (!signal.aborted) {
      const plan = planStep(this.#state, limits);
      if (plan.items.length === 0) {
        checkConservation(this.#state);
        onStep(undefined);
        await this.#moreWork();
        continue;
      }
      this.#start(plan);
      const begin = clock.now();
      const output = this.#engine.step(toBatch(plan));
      const milliseconds = clock.now() - begin;
      if (output.status === "done") {
        for (const event of applyStep(this.#state, plan, output)) onEvent(event);
      } else {
        this.#recover(plan, output.status);
      }
      const report = this.#report(plan, milliseconds);
      this.#useThreads(this.#governor.observe({ ...report, now: clock.now() }));
      onStep(report);
      await nextTurn();
    }
  }

  #start(plan: StepPlan): void {
    for (const { slot } of plan.starts) this.#engine.trim(slot, 0);
    applyStarts(this.#state, plan);
  }

  /** After an aborted step the engine alone knows what was computed. A token must stay pending, for its logits are lost. */
  #recover(plan: StepPlan, status: "aborted" | "no-room"): void {
    if (status === "no-room") throw new Error(`no room in the KV cache for a step of ${plan.items.length} sequences`);
    for (const { sequence, slot } of plan.items) {
      const usable = Math.min(this.#engine.held(slot), sequence.length - 1);
      sequence.computed = this.#engine.trim(slot, usable) ? usable : 0;
      if (sequence.computed === 0) this.#engine.trim(slot, 0);
    }
  }

  #useThreads(threads: number): void {
    if (threads !== this.#threads) this.#engine.setThreads(threads);
    this.#threads = threads;
  }

  #report(plan: StepPlan, milliseconds: number): StepReport {
    const { running, waiting } = this.#state;
    const tokens = plan.items.reduce((sum, item) => sum + item.count, 0);
    return {
      step: ++this.#steps,
      milliseconds,
      tokens,
      sequences: plan.items.length,
      threads: this.#governor.settled,
      running: running.length,
      waiting: waiting.length,
    };
  }

  async #moreWork(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

function toBatch(plan: StepPlan): Batch {
  return plan.items.map((item) => ({
    slot: item.slot,
    tokens: item.sequence.tokens,
    from: item.from,
    count: item.count,
    outputs: samplesAfter(item) ? "last" : "none",
  }));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
