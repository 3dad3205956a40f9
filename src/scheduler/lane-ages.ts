import { type Lane, lanes } from "../core/generation.ts";

/**
 * How long each lane has waited in vain. A lane that has something to compute and is not served for `ageingMs` moves up by
 * one, past the most urgent one too, until a step computes something of it. So after (its index + 1) * `ageingMs` at the
 * latest it comes before every lane that is served, and gets a step.
 */
export class LaneAges {
  readonly #ageingMs: number;
  /** By index of the lane: since when it waits and was not served, on the loop's clock; Infinity = nothing waits. */
  readonly #since = lanes.map(() => Infinity);

  /** `ageingMs` is above 0; Infinity = lanes never move. */
  constructor(ageingMs: number) {
    if (!(ageingMs > 0)) throw new RangeError(`ageing takes ${ageingMs} ms`);
    this.#ageingMs = ageingMs;
  }

  /** Which lanes have something to compute, with a slot or waiting for one. Before each plan. */
  present(there: ReadonlySet<Lane>, now: number): void {
    lanes.forEach((lane, index) => {
      this.#since[index] = there.has(lane) ? Math.min(this.#since[index]!, now) : Infinity;
    });
  }

  /** A step has computed something of the lane. */
  served(lane: Lane, now: number): void {
    const index = lanes.indexOf(lane);
    if (this.#since[index]! < now) this.#since[index] = now;
  }

  /** 0 = interactive, the lower the earlier; below 0 for a lane that waited longer than its distance to the first. */
  rank(lane: Lane, now: number): number {
    const index = lanes.indexOf(lane);
    const unserved = Math.max(0, now - this.#since[index]!);
    return index - Math.floor(unserved / this.#ageingMs);
  }
}
