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
    return this.#count((prefix) => prefix?.place.kind === "running");
  }

  at(slot: number): Prefix | undefined {
    return this.#contents[slot];
  }

  /** The lowest slot in which nothing runs: low ones keep the running ones together (see `Engine.step`). */
  lowestIdle(): number | undefined {
    const slot = this.#contents.findIndex((prefix) => prefix?.place.kind !== "running");
    return slot < 0 ? undefined : slot;
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

  #count(is: (prefix: Prefix | undefined) => boolean): number {
    return this.#contents.reduce((count, prefix) => count + (is(prefix) ? 1 : 0), 0);
  }
}
