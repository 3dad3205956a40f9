/** The engine's slots: each is free or held by one sequence. Law: `free + held === total`. */
export class Slots {
  readonly total: number;
  /** Last released first, so that memory touched a moment ago is used again. */
  readonly #free: number[];

  constructor(total: number) {
    this.total = total;
    this.#free = Array.from({ length: total }, (_, index) => total - 1 - index);
  }

  get free(): number {
    return this.#free.length;
  }

  get held(): number {
    return this.total - this.#free.length;
  }

  /** The slots that the next `take()`s will give, in that order. */
  next(count: number): readonly number[] {
    return count <= 0 ? [] : this.#free.slice(-count).toReversed();
  }

  take(slot: number): void {
    const index = this.#free.lastIndexOf(slot);
    if (index < 0) throw new Error(`slot ${slot} is not free (${this.free} of ${this.total} are)`);
    this.#free.splice(index, 1);
  }

  release(slot: number): void {
    if (slot < 0 || slot >= this.total || this.#free.includes(slot)) {
      throw new Error(`slot ${slot} is not held (${this.held} of ${this.total} are)`);
    }
    this.#free.push(slot);
  }
}
