import type { Clock } from "../core/clock.ts";
import type { Scheduling } from "../core/scheduling.ts";
import type { Engine } from "../engine/engine.ts";
import { Mover } from "./apply-move.ts";
import { applyStep, expire, type SequenceEvent } from "./apply-step.ts";
import { computePlan } from "./compute-plan.ts";
import { Forecast } from "./forecast.ts";
import { Idle, nextTurn } from "./idle.ts";
import { planIdleMove, planMove, type Wait } from "./plan-move.ts";
import { planStep, type StepLimits } from "./plan-step.ts";
import { policies } from "./policies/policies.ts";
import { scores, type Sequence } from "./sequence.ts";
import { shapeOf, type StepPlan } from "./step-plan.ts";
import { ThreadGovernor } from "./thread-governor.ts";
import { checkConservation, enqueue, newState, removeSequence, waitingTokens, type SchedulerState } from "./state.ts";

/** What one step was: the raw material of every metric. */
export interface StepReport {
  /** Counts from 1. */
  readonly step: number;
  /** Duration of the engine's step alone. */
  readonly milliseconds: number;
  /** Tokens computed, and sequences that they belong to. */
  readonly tokens: number;
  readonly sequences: number;
  /** Engine threads that the loop has settled on, and those that it may use. */
  readonly threads: number;
  readonly threadLimit: number;
  /** Sequences, after the step, and tokens of those that wait. */
  readonly running: number;
  readonly waiting: number;
  readonly waitingTokens: number;
  /** Predicted ms until what waits now has been served. */
  readonly drainMs: number;
}

/** Sees steps begin and end; others can look there while this thread is inside one. */
export interface StepWatch {
  beginStep(tokens: number): void;
  endStep(): void;
}

export interface StepLoopOptions {
  readonly limits: StepLimits;
  readonly scheduling: Scheduling;
  readonly clock: Clock;
  readonly watch?: StepWatch | undefined;
  /** Called for each event of a step, at once; it may remove sequences. */
  readonly onEvent: (event: SequenceEvent) => void;
  /** Called after each step, and with no report whenever the loop runs out of work. */
  readonly onStep: (report: StepReport | undefined) => void;
}

/** Drives one engine: moves, plan, step, apply, and a turn for the event loop, where submissions and cancels get in. */
export class StepLoop {
  readonly state: SchedulerState;
  readonly #engine: Engine;
  readonly #options: StepLoopOptions;
  readonly #mover: Mover;
  readonly #governor: ThreadGovernor;
  #threads: number;
  #steps = 0;
  readonly #idle = new Idle();

  constructor(engine: Engine, options: StepLoopOptions) {
    this.state = newState(engine, options.scheduling);
    this.#engine = engine;
    this.#options = options;
    this.#mover = new Mover(this.state, engine);
    this.#threads = engine.plan.threads;
    this.#governor = new ThreadGovernor(this.#threads);
  }

  add(sequence: Sequence): void {
    enqueue(this.state, sequence);
    this.wake();
  }

  /** Frees all that the sequence holds; it is in no later step. */
  remove(sequence: Sequence): void {
    removeSequence(this.state, sequence);
    this.wake();
  }

  credit(sequence: Sequence, tokens: number): void {
    sequence.credit += tokens;
    this.wake();
  }

  /** Takes over another policy, target, turn and limits. The cache's memory and the ageing of lanes stay as they are. */
  reschedule(scheduling: Scheduling): void {
    this.state.scheduling = scheduling;
    this.state.policy = policies[scheduling.policy];
    this.wake();
  }

  /** At most so many threads step from now on, 1 .. those of the plan. */
  limitThreads(threads: number): void {
    this.#governor.limit = threads;
  }

  /** Looks again for work, and calls `onStep` in any case. */
  wake(): void {
    this.#idle.wake();
  }

  /** Runs until `signal` aborts. An error of the engine is thrown: the engine is not to be trusted after it. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, limits, onEvent, onStep } = this.#options;
    signal.addEventListener("abort", () => this.wake(), { once: true });
    while (!signal.aborted) {
      const now = clock.now();
      for (const event of expire(this.state, now)) onEvent(event);
      const waits = this.#move(now);
      const plan = planStep(this.state, { limits, now, waits, spentMs: clock.now() - now });
      if (plan.items.length === 0) {
        checkConservation(this.state);
        onStep(undefined);
        const move = planIdleMove(this.state);
        if (move !== undefined) this.#mover.apply(move);
        await (move === undefined ? this.#moreWork(now) : nextTurn());
        continue;
      }
      onStep(this.#step(plan));
      await nextTurn();
    }
  }

  /** Gives slots to whom they belong now. */
  #move(now: number): readonly Wait[] {
    const { state } = this;
    state.laneAges.present(new Set([...state.waiting, ...state.running].map(({ lane }) => lane)), now);
    for (;;) {
      const { move, waits } = planMove(state, now);
      if (move === undefined) return waits;
      this.#mover.apply(move);
    }
  }

  #step(plan: StepPlan): StepReport {
    const { clock, watch, onEvent } = this.#options;
    const shape = shapeOf(plan);
    const tokens = plan.items.reduce((sum, { count }) => sum + count, 0);
    const { next, forPrefill } = this.#governor;
    const threads = shape.prefills > 0 ? forPrefill : next;
    this.#useThreads(threads);
    const begin = clock.now();
    watch?.beginStep(tokens);
    const output = computePlan(this.#engine, plan);
    watch?.endStep();
    Atomics.store(this.#engine.abortFlag, 0, 0); // an abort was meant for this step; the next one starts without it
    const now = clock.now();
    if (output.status === "done") {
      const isUsual = !plan.items.some(({ sequence }) => scores(sequence)); // rows of logits that other prompts do not need take time as well
      const events = applyStep(this.state, plan, { output, now });
      if (isUsual) this.state.cost.observe(shape, clock.now() - begin);
      for (const event of events) onEvent(event);
    } else {
      this.#recover(plan, output.status);
    }
    const report = this.#report(plan, { tokens, milliseconds: now - begin });
    if (threads === next) this.#governor.observe({ ...report, now });
    return report;
  }

  /** After an aborted step the engine alone knows what was computed. A token must stay pending, for its logits are lost. */
  #recover(plan: StepPlan, status: "aborted" | "no-room"): void {
    if (status === "no-room") throw new Error(`no room in the KV cache for a step of ${plan.items.length} sequences`);
    for (const { sequence, slot } of plan.items) {
      const usable = Math.min(this.#engine.held(slot), sequence.length - 1, sequence.unscored);
      sequence.computed = this.#engine.trim(slot, usable) ? usable : 0;
      if (sequence.computed === 0) this.#engine.trim(slot, 0);
    }
  }

  #useThreads(threads: number): void {
    if (threads !== this.#threads) this.#engine.setThreads(threads);
    this.#threads = threads;
  }

  #report(plan: StepPlan, measured: Pick<StepReport, "tokens" | "milliseconds">): StepReport {
    const { running, waiting } = this.state;
    return {
      ...measured,
      step: ++this.#steps,
      sequences: plan.items.length,
      threads: this.#governor.settled,
      threadLimit: this.#governor.limit,
      running: running.length,
      waiting: waiting.length,
      waitingTokens: waitingTokens(this.state),
      drainMs: new Forecast(this.state).drainMs(),
    };
  }

  /** Until something is added or changed, or a deadline passes. */
  async #moreWork(now: number): Promise<void> {
    const deadlines = [...this.state.running, ...this.state.waiting].map(({ deadline }) => deadline);
    await this.#idle.rest(Math.min(...deadlines) - now);
  }
}
