/** The engine's slots: each is free or held by one sequence. Law: `free + held === total`. */
export class Slots {
  readonly total: number;
  /** Ascending: the lowest are given first, which keeps the held ones together (see `Engine.step`). */
  readonly #free: number[];

  constructor(total: number) {
    this.total = total;
    this.#free = Array.from({ length: total }, (_, slot) => slot);
  }

  get free(): number {
    return this.#free.length;
  }

  get held(): number {
    return this.total - this.#free.length;
  }

  /** The slots that the next `take()`s will give, in that order. */
  next(count: number): readonly number[] {
    return this.#free.slice(0, count);
  }

  take(slot: number): void {
    const index = this.#free.indexOf(slot);
    if (index < 0) throw new Error(`slot ${slot} is not free (${this.free} of ${this.total} are)`);
    this.#free.splice(index, 1);
  }

  release(slot: number): void {
    if (slot < 0 || slot >= this.total || this.#free.includes(slot)) {
      throw new Error(`slot ${slot} is not held (${this.held} of ${this.total} are)`);
    }
    this.#free.push(slot);
    this.#free.sort((a, b) => a - b);
  }
}
