import type { Sampling } from "../core/generation.ts";
import { coarseMass, coarseMassOf, gather, weightOf } from "./logit-passes.ts";

type Filters = Pick<Sampling, "topK" | "topP" | "minP" | "temperature">;

/** How far below the largest logit the first look goes, how much further each next one, and when all are taken. */
const FIRST_WINDOW = 8;
const NEXT_WINDOW = 4;
const LAST_WINDOW = 32;
/** Below every number, above -Infinity: a masked token is never a candidate. */
const LOWEST = -Number.MAX_VALUE;
/** Buckets of the histogram per unit of logit, and the bucket of all that is further than 32 below the largest. */
const BUCKETS_PER_UNIT = 256;
const LAST_BUCKET = LAST_WINDOW * BUCKETS_PER_UNIT;

/**
 * The tokens that the filters leave, and their weights. Nothing is sorted but the few tokens at the edge of a cut: with
 * 262,144 logits a sort costs 50 times the rest. Holds scratch memory of the largest vocabulary seen; use one for all.
 *
 * Filters are applied in llama.cpp's default order: top-k, top-p among those, min-p, and then the temperature, so what
 * is kept does not depend on the temperature. Equally likely tokens go by id, lowest first.
 */
export class Candidates {
  #logits: Float32Array = new Float32Array(0);
  #max = 0;
  #count = 0;
  #ids = new Int32Array(0);
  /** Weights as in `Scale`, at temperature 1 until the filters are done. */
  #weights = new Float64Array(0);
  readonly #sums = new Float64Array(LAST_BUCKET + 1);

  get ids(): Int32Array {
    return this.#ids.subarray(0, this.#count);
  }

  get weights(): Float64Array {
    return this.#weights.subarray(0, this.#count);
  }

  /** `max` is the largest logit, a finite number. */
  select(logits: Float32Array, max: number, filters: Filters): void {
    const { topK, topP, minP, temperature } = filters;
    if (this.#ids.length < logits.length) {
      this.#ids = new Int32Array(logits.length);
      this.#weights = new Float64Array(logits.length);
    }
    this.#logits = logits;
    this.#max = max;
    const floor = minP > 0 ? max + Math.log(minP) : LOWEST;
    if (topK > 0) this.#takeTopK(topK);
    else if (topP < 1) this.#takeTopP(topP);
    else this.#gather(floor);
    if (topK > 0 && topP < 1) this.#cut(topP * this.#weigh(1), this.#weights);
    if (minP > 0) this.#drop(floor);
    this.#weigh(temperature);
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
    this.#widen(() => this.#count >= k);
    this.#cut(k, undefined);
  }

  /** The mass of all tokens is counted coarsely, then exactly for the candidates, which carry nearly all of it. */
  #takeTopP(p: number): void {
    const all = coarseMass(this.#logits, this.#max);
    let target = 0;
    this.#widen(() => {
      const mass = this.#weigh(1);
      target = p * (all - coarseMassOf(this.ids, this.#logits, this.#max) + mass);
      return mass >= target;
    });
    this.#cut(target, this.#weights);
  }

  #widen(enough: () => boolean): void {
    for (let window = FIRST_WINDOW; window <= LAST_WINDOW; window += NEXT_WINDOW) {
      this.#gather(this.#max - window);
      if (enough()) return;
    }
    this.#gather(LOWEST);
    enough();
  }

  #gather(threshold: number): void {
    this.#count = gather(this.#logits, threshold, this.#ids);
  }

  /** Sets the weights at a temperature; returns their sum. */
  #weigh(temperature: number): number {
    const { ids, weights } = this;
    const logits = this.#logits;
    const scale = { max: this.#max, temperature };
    let mass = 0;
    for (let i = 0; i < ids.length; i += 1) mass += weights[i] = weightOf(logits[ids[i]!]!, scale);
    return mass;
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
    let kept = 0;
    for (const id of ids) if (this.#logits[id]! >= floor) ids[kept++] = id;
    this.#count = kept;
  }
}
