import type { Sampling } from "../core/generation.ts";
import { gather, guessThreshold, guessWindow, maxLogit, split, weigh } from "./logit-passes.ts";

type Filters = Pick<Sampling, "topK" | "topP" | "minP" | "temperature">;

/** Tokens at which to look first: nearly always more than top-p keeps. */
const FIRST_LOOK = 1024;
/** If they do not suffice, the next looks reach by so much further below the largest logit, and from FAR on to all. */
const STEP = 2;
const FAR = 32;
/** Below every number, above -Infinity: a masked token is never a candidate. */
const LOWEST = -Number.MAX_VALUE;
const BUCKETS_PER_UNIT = 128;
const LAST_BUCKET = FAR * BUCKETS_PER_UNIT;

/**
 * The tokens that the filters leave, and their weights. Nothing is sorted but the few tokens at the edge of a cut: with
 * 262,144 logits a sort costs 50 times the rest. Holds scratch memory of the largest vocabulary seen; use one for all.
 *
 * Filters are applied in llama.cpp's default order: top-k, top-p among those, min-p, and then the temperature, so what
 * is kept does not depend on the temperature. Equally likely tokens go by id, lowest first.
 */
export class Candidates {
  #logits: Float32Array = new Float32Array(0);
  /** The largest logit, once something was taken. */
  #max = 0;
  #hasAll = false;
  #count = 0;
  #ids = new Int32Array(0);
  /** At temperature 1 until the filters are done. */
  #weights = new Float64Array(0);
  readonly #sums = new Float64Array(LAST_BUCKET + 1);

  get ids(): Int32Array {
    return this.#ids.subarray(0, this.#count);
  }

  get weights(): Float64Array {
    return this.#weights.subarray(0, this.#count);
  }

  /** False if there is nothing to choose from: no logit is a number, or one is infinite. */
  select(logits: Float32Array, { topK, topP, minP, temperature }: Filters): boolean {
    if (this.#ids.length < logits.length) {
      this.#ids = new Int32Array(logits.length);
      this.#weights = new Float64Array(logits.length);
    }
    this.#logits = logits;
    if (topK > 0) this.#takeTopK(topK);
    else if (topP < 1) this.#takeTopP(topP);
    else this.#gather(maxLogit(logits) + Math.log(minP));
    if (!Number.isFinite(this.#max)) return false;
    if (topK > 0 && topP < 1) this.#cut(topP * this.#weigh(1), this.#weights);
    if (minP > 0) this.#drop(this.#max + Math.log(minP));
    this.#weigh(temperature);
    return true;
  }

  /** The token at `uniform` (in [0, 1)) of the candidates' cumulative distribution. */
  draw(uniform: number): number {
    const { ids, weights } = this;
    let mass = 0;
    for (let i = 0; i < weights.length; i += 1) mass += weights[i]!;
    const target = uniform * mass;
    const last = weights.length - 1;
    let sum = weights[0]!;
    let i = 0;
    while (sum <= target && i < last) sum += weights[++i]!;
    return ids[i]!;
  }

  #takeTopK(k: number): void {
    const { length } = this.#logits;
    for (let look = Math.max(2 * k, FIRST_LOOK); ; look *= 4) {
      this.#gather(look > length / 8 ? LOWEST : guessThreshold(this.#logits, look));
      if (this.#count >= k || this.#hasAll) break;
    }
    this.#cut(k, undefined);
  }

  /** All tokens are weighed in the first look, those that it does not reach coarsely: they are many and light. */
  #takeTopP(p: number): void {
    const tail = this.#split(guessThreshold(this.#logits, FIRST_LOOK));
    let mass = this.#weigh(1);
    const all = mass + tail;
    let window: number | undefined;
    while (mass < p * all && !this.#hasAll) {
      window = window === undefined ? guessWindow(this.#logits, this.#max, 0.8 * (1 - p) * all) : window + STEP;
      this.#gather(window > FAR ? LOWEST : this.#max - window);
      mass = this.#weigh(1);
    }
    this.#cut(p * all, this.#weights);
  }

  /** Makes the tokens that reach `threshold` the candidates. */
  #gather(threshold: number): void {
    const reached = Math.max(threshold, LOWEST);
    this.#found(gather(this.#logits, reached, this.#ids), reached);
  }

  /** The same, and returns what the others weigh. */
  #split(threshold: number): number {
    const reached = Math.max(threshold, LOWEST);
    const { count, tail } = split(this.#logits, reached, this.#ids);
    this.#found(count, reached);
    return tail === 0 ? 0 : tail * Math.exp(reached - this.#max);
  }

  #found(count: number, threshold: number): void {
    this.#hasAll = threshold === LOWEST;
    this.#count = count;
    let max = -Infinity;
    for (let i = 0; i < count; i += 1) max = Math.max(max, this.#logits[this.#ids[i]!]!);
    this.#max = max;
  }

  #weigh(temperature: number): number {
    return weigh(this.ids, { logits: this.#logits, max: this.#max, temperature }, this.#weights);
  }

  /**
   * Keeps the most likely candidates, as few as reach `target` in the sum of their measure (1 each if there is none),
   * and at least one. A histogram over the logits finds the bucket in which the sum gets there; only that one is sorted.
   * The weights are stale after it.
   */
  #cut(target: number, measure: Float64Array | undefined): void {
    const ids = this.ids;
    const logits = this.#logits;
    const max = this.#max;
    const sums = this.#sums.fill(0);
    for (let i = 0; i < ids.length; i += 1) {
      const bucket = Math.min((max - logits[ids[i]!]!) * BUCKETS_PER_UNIT, LAST_BUCKET) | 0;
      sums[bucket]! += measure === undefined ? 1 : measure[i]!;
    }
    let edge = 0;
    let sum = 0;
    while (edge < LAST_BUCKET && sum + sums[edge]! < target) sum += sums[edge++]!;

    const border: { readonly id: number; readonly size: number }[] = [];
    let kept = 0;
    for (let i = 0; i < ids.length; i += 1) {
      const id = ids[i]!;
      const bucket = Math.min((max - logits[id]!) * BUCKETS_PER_UNIT, LAST_BUCKET) | 0;
      if (bucket < edge) ids[kept++] = id;
      else if (bucket === edge) border.push({ id, size: measure === undefined ? 1 : measure[i]! });
    }
    border.sort((a, b) => logits[b.id]! - logits[a.id]! || a.id - b.id);
    for (const { id, size } of border) {
      ids[kept++] = id;
      sum += size;
      if (sum >= target) break;
    }
    this.#count = kept;
  }

  #drop(floor: number): void {
    const ids = this.ids;
    const logits = this.#logits;
    let kept = 0;
    for (const id of ids) if (logits[id]! >= floor) ids[kept++] = id;
    this.#count = kept;
  }
}
