/** One step, as it was measured. */
export interface StepObservation {
  /** Tokens computed. */
  readonly tokens: number;
  /** Duration of the engine's step. */
  readonly milliseconds: number;
}

/** Steps below this count as this long: a collection of garbage is no neighbour. */
const shortestMs = 2;
/** Weight of the newest step in the running cost. */
const newest = 0.3;
/** Cost beyond the calm cost at which a thread is dropped, as a power of two: sustained twice, or once ten times. */
const strainLimit = 1;
/** How much better another count must be to be moved to without need, as a power of two (7 % up, 19 % down). */
const gainToGoUp = 0.1;
const gainToGoDown = 0.25;
/** Moves of the calm cost per step: it follows the cost's lower sixth, and a disturbance only after hundreds of steps. */
const calmRise = 0.004;
const calmFall = 0.02;
const trialSteps = 3;
/** A trial ends at its first step that costs this much more (a power of two) than where it came from. */
const hopeless = 1.5;
/** Between trials: after one that paid, after the first that did not, and after many that did not. */
const climbDelayMs = 250;
const firstDelayMs = 1000;
const longestDelayMs = 64_000;
/** Drops further apart than this have nothing to do with each other. */
const forgetAfterMs = 30_000;
/** The next trial waits this many times what the last one wasted: a hopeless step can take seconds. */
const wasteToDelay = 8;

interface Trial {
  readonly from: number;
  /** Cost at `from` when the trial began. */
  readonly cost: number;
  /** How much less it must cost to be settled on; 0 = forced by a strain. */
  readonly gain: number;
  readonly samples: number[];
  /** Spent on it so far. */
  milliseconds: number;
}

/**
 * Chooses how many threads step. llama.cpp's threads meet at spin barriers some hundred times per step: one thread that
 * has to share its core makes all others wait, and steps take 3 to 400 times as long as with one thread less. So a step
 * far beyond its prediction drops a thread at once, and other counts are tried for a few steps now and then (rarely, when
 * it did not pay) so that what is really faster is found again, whatever the reason of the disturbance.
 *
 * Steps of different sizes are compared by their cost: log2 of the duration over what a step of that size takes
 * undisturbed at the full count. Pure: time is the sum of the durations observed.
 */
export class ThreadGovernor {
  readonly #most: number;
  #threads: number;
  #trial: Trial | undefined;
  #now = 0;
  #nextTrial = firstDelayMs;
  #delay = firstDelayMs;
  #lastDrop = -Infinity;
  /** Threads that the next way down leaves out: 1, 2, 4 …, since one less is no better while two neighbours are there. */
  #reach = 1;
  /** Running cost at the present count, and what it is there in calm times; undefined = not measured yet. */
  #cost: number | undefined;
  #calm = 0;
  /** By size of the step: milliseconds at the full count, undisturbed. */
  readonly #reference = new Map<number, number>();

  constructor(most: number) {
    this.#most = most;
    this.#threads = most;
  }

  /** The count that is settled on: what `observe` returns, except during a trial. */
  get settled(): number {
    return this.#trial?.from ?? this.#threads;
  }

  /** Takes in a step that ran with the threads last returned (`most` at first) and says how many the next one gets. */
  observe(step: StepObservation): number {
    if (this.#most === 1 || step.tokens === 0) return this.#threads;
    const milliseconds = Math.max(step.milliseconds, shortestMs);
    this.#now += milliseconds;
    const cost = this.#costOf(step.tokens, milliseconds);
    if (this.#trial === undefined) this.#watch(cost);
    else this.#try(this.#trial, cost, milliseconds);
    return this.#threads;
  }

  #costOf(tokens: number, milliseconds: number): number {
    const size = Math.round(4 * Math.log2(tokens));
    const known = this.#reference.get(size) ?? milliseconds / 2 ** (this.#cost ?? 0);
    // The reference is the lowest seen, forgetting slowly: contexts grow, and with them the cost of a step.
    const full = this.#threads === this.#most;
    const reference = full ? Math.min(milliseconds, known * 1.0005) : known;
    this.#reference.set(size, reference);
    return Math.log2(milliseconds / reference);
  }

  #watch(cost: number): void {
    this.#cost = this.#cost === undefined ? cost : (1 - newest) * this.#cost + newest * cost;
    this.#calm += this.#cost > this.#calm ? calmRise : -calmFall;
    if (this.#cost - this.#calm > strainLimit && this.#threads > 1) {
      const recent = this.#now - this.#lastDrop < forgetAfterMs;
      this.#delay = recent ? this.#longer() : firstDelayMs;
      this.#lastDrop = this.#now;
      this.#reach = 1;
      this.#begin(-this.#reach, 0);
    } else if (this.#now >= this.#nextTrial) {
      if (this.#threads < this.#most) this.#begin(1, gainToGoUp);
      else this.#begin(-this.#reach, gainToGoDown);
    }
  }

  /** `gain` 0: the trial is forced by a strain, and anything better is welcome. */
  #begin(change: number, gain: number): void {
    this.#trial = { from: this.#threads, cost: this.#cost!, gain, samples: [], milliseconds: 0 };
    this.#threads += change;
  }

  #try(trial: Trial, cost: number, milliseconds: number): void {
    trial.samples.push(cost);
    trial.milliseconds += milliseconds;
    const hopelessNow = cost > trial.cost + hopeless;
    if (!hopelessNow && trial.samples.length < trialSteps) return;
    this.#trial = undefined;
    const measured = median(trial.samples);
    if (!hopelessNow && measured < trial.cost - trial.gain) this.#settle(trial, measured);
    else this.#goBack(trial);
  }

  #settle(trial: Trial, measured: number): void {
    this.#cost = measured;
    this.#calm = measured;
    this.#reach = 1;
    this.#nextTrial = this.#now + (this.#threads > trial.from ? climbDelayMs : this.#delay);
  }

  #goBack(trial: Trial): void {
    const wentDown = this.#threads < trial.from;
    this.#threads = trial.from;
    if (wentDown) this.#reach = trial.from - 2 * this.#reach >= 1 ? 2 * this.#reach : 1;
    if (trial.gain > 0) {
      this.#delay = Math.max(this.#longer(), Math.min(wasteToDelay * trial.milliseconds, longestDelayMs));
    } else if (this.#reach > 1) {
      this.#begin(-this.#reach, 0);
      return;
    } else {
      // No lower count is better, so the steps are slow for another reason: this is what they cost now.
      this.#calm = trial.cost;
    }
    this.#nextTrial = this.#now + this.#delay;
  }

  #longer(): number {
    return Math.min(2 * this.#delay, longestDelayMs);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
