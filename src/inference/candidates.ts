import type { Sampling } from "../core/generation.ts";
import { coarseMass, coarseMassOf, gather, guessWindow, weigh, type Row } from "./logit-passes.ts";

type Filters = Pick<Sampling, "topK" | "topP" | "minP">;

/** Logits further than this below the largest are one bucket, and are looked at all together or not at all. */
const FAR = 32;
/** By how much a look at the most likely tokens reaches further if it did not see enough. */
const STEP = 2;
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
  #row: Row = { logits: new Float32Array(0), max: 0, temperature: 1 };
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

  select(row: Row, { topK, topP, minP }: Filters): void {
    if (this.#ids.length < row.logits.length) {
      this.#ids = new Int32Array(row.logits.length);
      this.#weights = new Float64Array(row.logits.length);
    }
    this.#row = { ...row, temperature: 1 };
    const floor = minP > 0 ? row.max + Math.log(minP) : LOWEST;
    if (topK > 0) this.#takeTopK(topK);
    else if (topP < 1) this.#takeTopP(topP);
    else this.#gather(floor);
    if (topK > 0 && topP < 1) this.#cut(topP * weigh(this.ids, this.#row, this.#weights), this.#weights);
    if (minP > 0) this.#drop(floor);
    weigh(this.ids, row, this.#weights);
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
    this.#widen(8, () => this.#count >= k);
    this.#cut(k, undefined);
  }

  /** The mass of all tokens is counted coarsely, then exactly for the candidates, which carry nearly all of it. */
  #takeTopP(p: number): void {
    const { logits, max } = this.#row;
    const all = coarseMass(logits, max);
    let target = 0;
    this.#widen(guessWindow(logits, max, 0.8 * (1 - p) * all), () => {
      const mass = weigh(this.ids, this.#row, this.#weights);
      target = p * (all - coarseMassOf(this.ids, logits, max) + mass);
      return mass >= target;
    });
    this.#cut(target, this.#weights);
  }

  /** Gathers the tokens at most `window` below the largest logit, then further and further until they are enough. */
  #widen(window: number, enough: () => boolean): void {
    for (let reach = window; reach <= FAR; reach += STEP) {
      this.#gather(this.#row.max - reach);
      if (enough()) return;
    }
    this.#gather(LOWEST);
    enough();
  }

  #gather(threshold: number): void {
    this.#count = gather(this.#row.logits, threshold, this.#ids);
  }

  /**
   * Keeps the most likely candidates, as few as reach `target` in the sum of their measure (1 each if there is none),
   * and at least one. A histogram over the logits finds the bucket in which the sum gets there; only that one is sorted.
   * The weights are stale after it.
   */
  #cut(target: number, measure: Float64Array | undefined): void {
    const ids = this.ids;
    const { logits, max } = this.#row;
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
    const { logits } = this.#row;
    let kept = 0;
    for (const id of ids) if (logits[id]! >= floor) ids[kept++] = id;
    this.#count = kept;
  }
}
