/** One step, as it was measured. */
export interface StepObservation {
  /** Tokens computed: steps of equally many tokens are compared with each other, and with no others. */
  readonly tokens: number;
  /** Duration of the engine's step. */
  readonly milliseconds: number;
  /** When it ended, on a clock in milliseconds. */
  readonly now: number;
}

/** Equal steps that are averaged, before a trial and in it. */
const steps = 3;
/** Two steps in a row, each this many times as long as usual, are suspect; one is when it took this much longer, ms. */
const suspectTimes = 2.5;
const catastropheMs = 500;
/** What is usual follows the lower tenth of the durations, by these factors per step. */
const usualFalls = 0.9;
const usualRises = 1.01;
/** Share of the duration that a move must save. */
const gain = { up: 0.07, down: 0.12 } as const;
/** Share that nothing but a neighbour can cost. */
const neighbourCost = 0.3;
/** Between trials, ms: to go up again, and to look whether fewer would be better though nothing is suspect. */
const upDelay = { first: 250, most: 8000 } as const;
const lookDelay = { first: 2000, most: 64_000 } as const;
/** A drop this soon after the last return says that the neighbour had not left. */
const sameNeighbourMs = 30_000;
/** After a trial that cost time the next one waits this many times as long: trials cost at most a ninth. */
const wasteToDelay = 8;

type Reason = "suspect" | "look" | "up";

interface Trial {
  readonly reason: Reason;
  readonly from: number;
  readonly tokens: number;
  /** Mean duration of the steps before it, ms. */
  readonly before: number;
  readonly samples: number[];
}

/**
 * Chooses how many threads step. llama.cpp's threads meet at spin barriers some hundred times per step: one thread that
 * has to share its core makes all others wait, and steps take 2 to 400 times as long. Nothing but a measurement tells
 * what is better then, so every move is a trial: a few steps with another count against the few equal steps before
 * them. Fewer threads are tried when steps are suspect, more when there are fewer than planned, and both less and less
 * often when it did not pay. Pure: all it knows is what it observes.
 */
export class ThreadGovernor {
  #most: number;
  #threads: number;
  #trial: Trial | undefined;
  /** Fewer threads are in use because a neighbour was noticed. */
  #isDisturbed = false;
  /** The latest equal steps at the present count, ms. */
  #recent: number[] = [];
  #tokens = 0;
  /** By count and tokens, ms. */
  readonly #usual = new Map<string, number>();
  #suspicions = 0;
  #nextTrial = 0;
  #upDelay: number = upDelay.first;
  #lookDelay: number = lookDelay.first;
  #lastReturn = -Infinity;
  /** The next try upwards goes to the planned count at once, or one thread up. */
  #leap = true;
  /** Threads that the next try downwards leaves out: one less is no better while two neighbours are there. */
  #reach = 1;

  constructor(most: number) {
    this.#most = most;
    this.#threads = most;
  }

  /** Threads that it may use. */
  get limit(): number {
    return this.#most;
  }

  /**
   * It may use so many threads from now on: the others are other engines', or theirs no more. Whoever used all that it
   * might goes on with all.
   */
  set limit(most: number) {
    if (most === this.#most) return;
    const threads = this.settled === this.#most ? most : Math.min(this.settled, most);
    this.#most = most;
    this.#isDisturbed &&= threads < most;
    this.#end(threads);
  }

  /** The count that is settled on: what `observe` returns, except during a trial. */
  get settled(): number {
    return this.#trial?.from ?? this.#threads;
  }

  /** Threads of the next step, if it is one of decodes. */
  get next(): number {
    return this.#threads;
  }

  /**
   * Threads of a step with a prompt. What makes decodes of few sequences a little faster (they are bound by memory, where
   * one thread may do) makes prompts much slower: only a neighbour is a reason to give up threads there.
   */
  get forPrefill(): number {
    return this.#isDisturbed ? this.#threads : this.#most;
  }

  /** Takes in a step that ran with the threads last returned (`most` at first) and says how many the next one gets. */
  observe(step: StepObservation): number {
    if (this.#most === 1) return 1;
    if (this.#trial === undefined) this.#watch(step);
    else this.#try(this.#trial, step);
    return this.#threads;
  }

  #watch(step: StepObservation): void {
    if (step.tokens !== this.#tokens) this.#recent = [];
    this.#tokens = step.tokens;
    this.#recent = [...this.#recent, step.milliseconds].slice(-steps);
    if (this.#isSuspect(step) && this.#threads > 1) return this.#begin("suspect", this.#threads - this.#reach);
    if (this.#recent.length < steps || step.now < this.#nextTrial) return;
    if (this.#threads < this.#most) this.#begin("up", this.#leap ? this.#most : this.#threads + 1);
    else this.#begin("look", this.#threads - 1);
  }

  #isSuspect({ tokens, milliseconds }: StepObservation): boolean {
    const key = `${this.#threads} ${tokens}`;
    const usual = this.#usual.get(key) ?? milliseconds;
    const below = milliseconds < usual;
    this.#usual.set(
      key,
      below ? Math.max(milliseconds, usualFalls * usual) : Math.min(milliseconds, usualRises * usual),
    );
    if (milliseconds <= suspectTimes * usual) this.#suspicions = 0;
    else this.#suspicions += milliseconds - usual > catastropheMs ? 2 : 1;
    return this.#suspicions > 1;
  }

  #begin(reason: Reason, threads: number): void {
    this.#trial = { reason, from: this.#threads, tokens: this.#tokens, before: mean(this.#recent), samples: [] };
    this.#threads = threads;
  }

  #try(trial: Trial, step: StepObservation): void {
    if (step.tokens !== trial.tokens) return this.#end(trial.from); // no comparison; soon again
    trial.samples.push(step.milliseconds);
    const wanted = trial.before * (1 - gain[trial.reason === "up" ? "up" : "down"]);
    const clearlyWorse = step.milliseconds > (trial.reason === "look" ? 1 : 1.5) * trial.before;
    if (!clearlyWorse && trial.samples.length < steps) return;
    if (mean(trial.samples) < wanted) this.#settle(trial, step.now);
    else this.#goBack(trial, step.now);
  }

  #settle(trial: Trial, now: number): void {
    if (trial.reason === "up") {
      this.#lastReturn = now;
      this.#leap = true;
      this.#isDisturbed &&= this.#threads < this.#most;
    } else {
      this.#isDisturbed ||= trial.reason === "suspect" || mean(trial.samples) < (1 - neighbourCost) * trial.before;
      const soon = now - this.#lastReturn < sameNeighbourMs;
      this.#upDelay = soon ? Math.min(2 * this.#upDelay, upDelay.most) : upDelay.first;
      this.#reach = 1;
    }
    this.#end(this.#threads);
    this.#nextTrial = now + (this.#threads < this.#most ? this.#upDelay : this.#lookDelay);
  }

  #goBack(trial: Trial, now: number): void {
    const waste = trial.samples.reduce((sum, ms) => sum + Math.max(0, ms - trial.before), 0);
    this.#end(trial.from);
    switch (trial.reason) {
      case "up":
        this.#leap = !this.#leap;
        this.#upDelay = Math.min(2 * this.#upDelay, upDelay.most);
        break;
      case "look":
        this.#lookDelay = Math.min(2 * this.#lookDelay, lookDelay.most);
        break;
      case "suspect":
        // When no lower count is better, steps are slow for another reason: this is what they take now.
        this.#reach = trial.from - 2 * this.#reach >= 1 ? 2 * this.#reach : 1;
        if (this.#reach === 1) this.#usual.set(`${trial.from} ${trial.tokens}`, trial.before);
    }
    const delay = this.#threads < this.#most ? this.#upDelay : this.#lookDelay;
    this.#nextTrial = now + Math.max(delay, wasteToDelay * waste);
  }

  #end(threads: number): void {
    this.#trial = undefined;
    this.#threads = threads;
    this.#recent = [];
    this.#suspicions = 0;
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
