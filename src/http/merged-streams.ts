interface Source<Key, Item> {
  readonly key: Key;
  readonly items: AsyncIterator<Item>;
}

/** What the first `next()` of a source gave that was not taken yet. */
interface Arrival<Key, Item> {
  readonly source: Source<Key, Item>;
  readonly result: IteratorResult<Item> | { readonly error: unknown };
}

/** Several streams as one. Of each one item is pulled ahead of the reader, and no more. One reader at a time. */
export class MergedStreams<Key, Item> {
  readonly #open = new Set<Source<Key, Item>>();
  #arrived: Arrival<Key, Item>[] = [];
  #wake: () => void = () => {};

  add(key: Key, stream: AsyncIterable<Item>): void {
    const source = { key, items: stream[Symbol.asyncIterator]() };
    this.#open.add(source);
    this.#pull(source);
  }

  /** What comes first of all; undefined when all have ended. Throws what one of them throws. */
  async next(): Promise<{ readonly key: Key; readonly item: Item } | undefined> {
    for (;;) {
      const arrival = this.#arrived.shift();
      if (arrival === undefined) {
        if (this.#open.size === 0) return undefined;
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      const { source, result } = arrival;
      if ("error" in result || result.done === true) this.#open.delete(source);
      if ("error" in result) throw result.error;
      if (result.done === true) continue;
      this.#pull(source);
      return { key: source.key, item: result.value };
    }
  }

  /** Ends those that have not ended; returns whether there were any. Nothing is to be read after it. */
  close(): boolean {
    const open = [...this.#open];
    this.#open.clear();
    this.#arrived = [];
    for (const { items } of open) void end(items);
    return open.length > 0;
  }

  #pull(source: Source<Key, Item>): void {
    source.items.next().then(
      (result) => this.#arrive({ source, result }),
      (error: unknown) => this.#arrive({ source, result: { error } }),
    );
  }

  #arrive(arrival: Arrival<Key, Item>): void {
    this.#arrived.push(arrival);
    this.#wake();
  }
}

/** Its reader has left, and does not want to hear how it ended. */
async function end(items: AsyncIterator<unknown>): Promise<void> {
  await Promise.resolve(items.return?.()).catch(() => {});
}
