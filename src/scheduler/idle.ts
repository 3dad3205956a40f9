/** Where a loop waits that has no work. */
export class Idle {
  #wake: () => void = () => {};

  /** Ends a rest; between two of them it does nothing. */
  wake(): void {
    this.#wake();
  }

  /** Until `wake`, or for so many ms; Infinity = for ever. */
  async rest(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (ms < Infinity) timer = setTimeout(resolve, Math.max(1, ms));
    });
    clearTimeout(timer);
  }
}

/** A turn for the event loop, where messages get in. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
