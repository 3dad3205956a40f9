import type { Prefix } from "./prefix-cache.ts";

/**
 * What the engine's slots hold: nothing, the prefix of a running sequence, or one that rests there for whoever continues
 * it. Law: `free + resting + running === total`.
 */
export class Slots {
  readonly #contents: (Prefix | undefined)[];

  constructor(total: number) {
    this.#contents = Array.from({ length: total }, () => undefined);
  }

  get total(): number {
    return this.#contents.length;
  }

  get free(): number {
    return this.#count((prefix) => prefix === undefined);
  }

  get resting(): number {
    return this.#count((prefix) => prefix?.place.kind === "resting");
  }

  get running(): number {
    return this.#count(isRunning);
  }

  at(slot: number): Prefix | undefined {
    return this.#contents[slot];
  }

  /** The lowest slot that lies idle between running ones: each such gap costs a pass over the weights (see `Engine.step`). */
  gap(): number | undefined {
    const { first, last } = this.#span();
    for (let slot = first + 1; slot < last; slot++) if (!isRunning(this.#contents[slot])) return slot;
    return undefined;
  }

  /** Idle slots in which a sequence runs beside the running ones, and not apart from them: a gap, else either end; any, if nothing runs. */
  idle(): readonly number[] {
    const { first, last } = this.#span();
    const gap = this.gap();
    if (gap !== undefined) return [gap];
    const all = this.#contents.map((_, slot) => slot);
    if (last < 0) return all;
    return all.filter((slot) => slot === first - 1 || slot === last + 1);
  }

  put(slot: number, prefix: Prefix): void {
    if (slot < 0 || slot >= this.total || this.#contents[slot] !== undefined) {
      throw new Error(`slot ${slot} of ${this.total} is not free (${this.free} are)`);
    }
    this.#contents[slot] = prefix;
  }

  clear(slot: number): void {
    if (this.#contents[slot] === undefined) throw new Error(`slot ${slot} of ${this.total} holds nothing`);
    this.#contents[slot] = undefined;
  }

  #span(): { first: number; last: number } {
    return { first: this.#contents.findIndex(isRunning), last: this.#contents.findLastIndex(isRunning) };
  }

  #count(is: (prefix: Prefix | undefined) => boolean): number {
    return this.#contents.reduce((count, prefix) => count + (is(prefix) ? 1 : 0), 0);
  }
}

function isRunning(prefix: Prefix | undefined): boolean {
  return prefix?.place.kind === "running";
}
