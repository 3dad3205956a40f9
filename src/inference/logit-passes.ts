/**
 * The passes over a row of logits: most of what sampling costs, so written for the compiler. Independent accumulators, no
 * branch that the CPU cannot predict, and every constant in this file and not exported: V8 folds those, while an imported
 * one is looked up at each use (two to three times slower).
 */

/** Steps of the table per unit of distance, and the distance that it covers: e^-64 is nothing beside 1. */
const STEPS = 128;
const RANGE = 64;
/** Index of everything beyond the range: weight 0. */
const LAST = RANGE * STEPS;
/** `table[k]` = e^(-k / STEPS). Math.exp costs ten times a look-up. */
const table = Float64Array.from({ length: LAST + 1 }, (_, k) => (k === LAST ? 0 : Math.exp(-k / STEPS)));

/** A row and its scale: a token's weight is e^((logit - max) / temperature), so 1 for the largest logit. */
export interface Row {
  readonly logits: Float32Array;
  /** The largest logit, a finite number. */
  readonly max: number;
  readonly temperature: number;
}

/** The largest logit; -Infinity if there is none (NaN is not larger than anything). */
export function maxLogit(logits: Float32Array): number {
  let a = -Infinity;
  let b = -Infinity;
  let c = -Infinity;
  let d = -Infinity;
  const fours = logits.length - 3;
  let i = 0;
  for (; i < fours; i += 4) {
    const w = logits[i]!;
    const x = logits[i + 1]!;
    const y = logits[i + 2]!;
    const z = logits[i + 3]!;
    if (w > a) a = w;
    if (x > b) b = x;
    if (y > c) c = y;
    if (z > d) d = z;
  }
  for (; i < logits.length; i += 1) if (logits[i]! > a) a = logits[i]!;
  return Math.max(a, b, c, d);
}

/** Writes the ids of the tokens with `logit >= threshold` into `ids`, ascending, and returns how many they are. */
export function gather(logits: Float32Array, threshold: number, ids: Int32Array): number {
  let count = 0;
  const fours = logits.length - 3;
  let i = 0;
  for (; i < fours; i += 4) {
    const w = logits[i]! >= threshold;
    const x = logits[i + 1]! >= threshold;
    const y = logits[i + 2]! >= threshold;
    const z = logits[i + 3]! >= threshold;
    if (w || x || y || z) {
      if (w) ids[count++] = i;
      if (x) ids[count++] = i + 1;
      if (y) ids[count++] = i + 2;
      if (z) ids[count++] = i + 3;
    }
  }
  for (; i < logits.length; i += 1) if (logits[i]! >= threshold) ids[count++] = i;
  return count;
}

/**
 * `gather`, which also sums up the others: `tail` is what
 * they weigh together at temperature 1 beside a logit of `threshold`. Each is rounded to the table's nearest entry: off by
 * at most 0.4 %, as often up as down.
 */
export function split(logits: Float32Array, threshold: number, ids: Int32Array): { count: number; tail: number } {
  const top = threshold * STEPS + 0.5;
  let count = 0;
  let a = 0;
  let b = 0;
  const fours = logits.length - 3;
  let i = 0;
  for (; i < fours; i += 4) {
    const w = logits[i]!;
    const x = logits[i + 1]!;
    const y = logits[i + 2]!;
    const z = logits[i + 3]!;
    if (w >= threshold || x >= threshold || y >= threshold || z >= threshold) {
      for (let j = i; j < i + 4; j += 1) {
        if (logits[j]! >= threshold) ids[count++] = j;
        else a += table[Math.min(top - logits[j]! * STEPS, LAST) | 0]!;
      }
    } else {
      a += table[Math.min(top - w * STEPS, LAST) | 0]!;
      b += table[Math.min(top - x * STEPS, LAST) | 0]!;
      a += table[Math.min(top - y * STEPS, LAST) | 0]!;
      b += table[Math.min(top - z * STEPS, LAST) | 0]!;
    }
  }
  for (; i < logits.length; i += 1) {
    if (logits[i]! >= threshold) ids[count++] = i;
    else a += table[Math.min(top - logits[i]! * STEPS, LAST) | 0]!;
  }
  return { count, tail: a + b };
}

/** A logit that about `count` of the largest reach, by every 64th of them; -Infinity if there are too few numbers. */
export function guessThreshold(logits: Float32Array, count: number): number {
  const largest = new Float32Array(Math.ceil(count / SAMPLE)).fill(-Infinity); // ascending
  for (let i = 0; i < logits.length; i += SAMPLE) {
    const logit = logits[i]!;
    if (!(logit > largest[0]!)) continue;
    let at = 1;
    for (; at < largest.length && largest[at]! < logit; at += 1) largest[at - 1] = largest[at]!;
    largest[at - 1] = logit;
  }
  return largest[0]!;
}

/** How far below `max` the tokens begin that together weigh about `tail`, by every 64th of them. */
export function guessWindow(logits: Float32Array, max: number, tail: number): number {
  sampled.fill(0);
  for (let i = 0; i < logits.length; i += SAMPLE) {
    const entry = Math.min((max - logits[i]!) * STEPS, LAST) | 0;
    sampled[entry >> PART_SHIFT]! += SAMPLE * table[entry]!;
  }
  let part = sampled.length - 1;
  let mass = 0;
  while (part > 0 && mass + sampled[part]! <= tail) mass += sampled[part--]!;
  return ((part + 1) << PART_SHIFT) / STEPS;
}

const SAMPLE = 64;
/** A part is 2^5 steps, a quarter of a unit. */
const PART_SHIFT = 5;
const sampled = new Float64Array((LAST >> PART_SHIFT) + 1);

/**
 * Writes the weights of these tokens into `weights` and returns their sum. Each is exact to 1e-8 of its value: the
 * table's nearest entry and two terms of the series of the rest.
 */
export function weigh(ids: Int32Array, { logits, max, temperature }: Row, weights: Float64Array): number {
  const steps = STEPS / temperature;
  let mass = 0;
  for (let i = 0; i < ids.length; i += 1) {
    const at = Math.min((max - logits[ids[i]!]!) * steps + 0.5, LAST);
    const entry = at | 0;
    const rest = (entry + 0.5 - at) * (1 / STEPS);
    const weight = table[entry]! * (1 + rest * (1 + 0.5 * rest));
    weights[i] = weight;
    mass += weight;
  }
  return mass;
}

/** Tokens per block of `blockMasses`. */
export const BLOCK = 256;

/**
 * `sums[b]` becomes the weight of the tokens of blocks 0..b together; returns that of all, NaN if a logit is NaN. Each
 * weight is exact to 1e-5 of its value (one term of the series).
 */
export function blockMasses({ logits, max, temperature }: Row, sums: Float64Array): number {
  const steps = STEPS / temperature;
  let mass = 0;
  for (let start = 0, block = 0; start < logits.length; start += BLOCK, block += 1) {
    const end = Math.min(start + BLOCK, logits.length);
    let sum = 0;
    for (let i = start; i < end; i += 1) {
      const at = Math.min((max - logits[i]!) * steps + 0.5, LAST);
      const entry = at | 0;
      sum += table[entry]! * (1 + (entry + 0.5 - at) * (1 / STEPS));
    }
    mass += sum;
    sums[block] = mass;
  }
  return mass;
}
