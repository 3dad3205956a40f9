/** What a step computes, as far as its duration depends on it. */
export interface StepShape {
  /** Stretches of more than one token, and their tokens. */
  readonly prefills: number;
  readonly prefillTokens: number;
  /** Sum over these tokens of the tokens before each, see `contextOf`. */
  readonly prefillContext: number;
  /** Single tokens that give logits. */
  readonly decodes: number;
  /** Of all single tokens, the sum of the tokens before each. */
  readonly singleContext: number;
  /**
   * With single tokens, those of all sequences that take part: how many there are in each stretch of neighbouring slots.
   * Prefills count once, with their first token.
   */
  readonly runs: readonly number[];
}

export const emptyShape: StepShape = {
  prefills: 0,
  prefillTokens: 0,
  prefillContext: 0,
  decodes: 0,
  singleContext: 0,
  runs: [],
};

/** The tokens that the tokens `from .. from+count` attend over, summed: `prefillContext` of one item. */
export function contextOf(from: number, count: number): number {
  return count * from + (count * (count - 1)) / 2;
}

/** The tokens `from .. from+count` of one prompt, alone. */
export function prefillOf(from: number, count: number): StepShape {
  return { ...emptyShape, prefills: 1, prefillTokens: count, prefillContext: contextOf(from, count) };
}

/** Decodes alone, in neighbouring slots. */
export function decodesOf(decodes: number, singleContext: number): StepShape {
  return { ...emptyShape, decodes, singleContext, runs: decodes === 0 ? [] : [decodes] };
}

/** From so many tokens of a sequence in one pass on, the library attends by tiles: 2-4 times faster per token. */
export const tileTokens = 64;
/** Tokens that the library multiplies at once; what is left of a pass it multiplies one by one. */
export const rowTokens = 4;

/**
 * Ms before anything was measured, of what `featuresOf` counts: those of a small model on a small machine, times five.
 * Who knows nothing had better expect too much: a chunk too small costs a little time once, one too large holds up
 * every stream. Only the proportions outlive the first step.
 */
const prior = [5, 5, 10, 10, 5, 1e-2, 2.5e-3] as const;
const size = prior.length;

/** Share of its weight that an observation keeps at the next one like it: a memory of 20 steps. */
const remembers = 0.95;
/** Standard deviation of a duration, and of a coefficient beside the others before it is measured. Relative. */
const noise = 0.1;
const doubt = 3;
/** Standard deviation by which the machine as a whole becomes faster or slower from one step to the next. Relative. */
const drift = 0.02;
/** A step that took less was not measured: the clock stood still. In ms. */
const shortestMs = 1e-3;
/** Steps of a kind before what is predicted of it is to be relied on. */
const fewSteps = 3;

/**
 * How long a step takes, learned from the steps before. The library splits a batch into passes of equally many tokens
 * per sequence, see `featuresOf`, and a step is the sum of its passes: reading the weights costs something in each, and
 * each token does, and attention does for all tokens before it.
 *
 * Recursive least squares of the relative error. Dividing by the duration as measured, not as predicted, makes short
 * and long steps count alike and is what keeps spikes harmless: a step that took 20 times as long weighs 1/400. Old
 * steps are forgotten only in the direction that a new one tells about (Kulhavý, Restricted exponential forgetting in
 * real-time identification, Automatica 1987): ten thousand equal steps leave what is known of others as it was. That
 * the machine as a whole changes its speed is a direction of its own, so that decodes tell about prefills, too.
 */
export class StepCost {
  readonly #coefficients: number[] = [...prior];
  /** Covariance of the coefficients in units of the noise, row by row. */
  readonly #covariance = new Float64Array(size * size);
  #prefillSteps = 0;
  #decodeSteps = 0;
  #groupSteps = 0;
  #leftSteps = 0;

  get knowsPrefill(): boolean {
    return this.#prefillSteps >= fewSteps;
  }

  get knowsDecode(): boolean {
    return this.#decodeSteps >= fewSteps;
  }

  /** What tokens cost in groups, and those left over. */
  get knowsGroups(): boolean {
    return this.#groupSteps >= fewSteps && this.#leftSteps >= fewSteps;
  }

  /** Ms, never negative. More tokens may take less: 64 than 63, and four sequences than three. */
  predict(shape: StepShape): number {
    return product(this.#coefficients, featuresOf(shape));
  }

  /** Takes in the measured duration of a step, in ms. */
  observe(shape: StepShape, ms: number): void {
    const features = featuresOf(shape);
    const isEmpty = features[0] === 0;
    if (isEmpty || !(ms >= shortestMs && ms < Infinity)) return;
    if (this.#prefillSteps + this.#decodeSteps === 0) this.#setScale(features, ms);
    if (shape.prefills > 0) this.#prefillSteps++;
    if (shape.decodes > 0) this.#decodeSteps++;
    if (shape.prefills === 0 && features[2]! > 0) this.#groupSteps++;
    if (shape.prefills === 0 && features[3]! > 0) this.#leftSteps++;
    this.#update(
      features.map((value) => value / ms),
      1 - product(this.#coefficients, features) / ms,
    );
    this.#removeNegatives();
  }

  /** The first step says how fast the machine is; what costs how much of that is doubted from there on. */
  #setScale(features: readonly number[], ms: number): void {
    const scale = ms / product(this.#coefficients, features);
    for (let i = 0; i < size; i++) {
      this.#coefficients[i]! *= scale;
      this.#covariance[i * size + i] = ((doubt / noise) * this.#coefficients[i]!) ** 2;
    }
  }

  #update(row: readonly number[], error: number): void {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        this.#covariance[i * size + j]! += (drift / noise) ** 2 * this.#coefficients[i]! * this.#coefficients[j]!;
      }
    }
    const direction = row.map((_, i) => {
      let sum = 0;
      for (let j = 0; j < size; j++) sum += this.#covariance[i * size + j]! * row[j]!;
      return sum;
    });
    const doubtOfRow = product(row, direction);
    if (!(doubtOfRow > 0)) return;
    for (let i = 0; i < size; i++) this.#coefficients[i]! += (direction[i]! * error) / (1 + doubtOfRow);
    const gained = remembers - (1 - remembers) / doubtOfRow;
    const factor = gained / (1 + gained * doubtOfRow);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) this.#covariance[i * size + j]! -= factor * direction[i]! * direction[j]!;
    }
  }

  /**
   * No part of a step takes negative time: the nearest coefficients, by the covariance, with a negative one zero,
   * and so on. One after another may push the first below zero again: the rest is cut off.
   */
  #removeNegatives(): void {
    const values = this.#coefficients;
    for (let round = 0; round < size; round++) {
      const index = values.findIndex((value) => value < 0);
      if (index < 0) return;
      const excess = values[index]! / this.#covariance[index * size + index]!;
      for (let i = 0; i < size; i++) values[i]! -= excess * this.#covariance[i * size + index]!;
      values[index] = 0;
    }
    for (let i = 0; i < size; i++) values[i] = Math.max(0, values[i]!);
  }
}

/**
 * What the passes of a step add up to: passes, second runs over the weights for tokens left over, groups of tokens and
 * tokens left over, rows of logits, tokens attended to by few and by many tokens of a sequence.
 *
 * The first pass computes one token of each sequence, if any has just one, and each stretch of neighbouring slots has its
 * own; the second what is left of the prompts (`split_equal` in llama-batch.cpp). A prompt of 64 tokens beside a decode is thus a pass of 63. Several prompts are
 * taken to be equally long; that the micro-batch bounds a pass makes little difference.
 */
function featuresOf(shape: StepShape): number[] {
  const { prefills, prefillTokens, prefillContext, decodes, singleContext, runs } = shape;
  const length = prefills === 0 ? 0 : prefillTokens / prefills;
  const before = prefills === 0 ? 0 : Math.max(0, prefillContext / length - (prefills * (length - 1)) / 2);
  const isSplit = runs.length > 0;
  const firstContext = isSplit ? singleContext + before : 0;
  const second = isSplit ? prefillTokens - prefills : prefillTokens;
  const secondContext = isSplit ? Math.max(0, prefillContext - before) : prefillContext;
  const isTiled = prefills > 0 && second / prefills >= tileTokens;
  let [passes, again, groups, left] = [0, 0, 0, 0];
  for (const tokens of second > 0 ? [...runs, second] : runs) {
    const leftOver = tokens % rowTokens;
    passes++;
    groups += Math.floor(tokens / rowTokens);
    left += leftOver;
    if (tokens > rowTokens && leftOver > 0) again++;
  }
  return [
    passes,
    again,
    groups,
    left,
    decodes,
    firstContext + (isTiled ? 0 : secondContext),
    isTiled ? secondContext : 0,
  ];
}

function product(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += a[i]! * b[i]!;
  return sum;
}
