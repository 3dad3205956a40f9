/** Events on their way from a callback to one reader. `fail` overtakes what was not read yet. */
export class EventQueue<T> {
  #events: T[] = [];
  #read = 0;
  #error: Error | undefined;
  #wake: () => void = () => {};

  push(event: T): void {
    this.#events.push(event);
    this.#wake();
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#wake();
  }

  /** The next event, now or when it comes. Throws the error of `fail`. One reader at a time. */
  async next(): Promise<T> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#read < this.#events.length) return this.#take();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(): T {
    const event = this.#events[this.#read++]!;
    if (this.#read === this.#events.length) {
      this.#events = [];
      this.#read = 0;
    }
    return event;
  }
}
