import { freeStateBuffer } from "../core/state-buffer.ts";
import type { SavedSequence } from "../engine/engine.ts";

/** So many saved states are remembered to predict the size of the next. */
const remembered = 16;

/**
 * Host memory for the states of sequences that have no slot. A buffer that is given back is kept: writing 1 MiB for the
 * first time costs 2.8 ms of page faults, and 0.04 ms from then on. Buffers count whole, with the room that the engine
 * leaves in them. Law: `parkedBytes + pooledBytes <= budget`.
 */
export class ParkingLot {
  /** Bytes. */
  readonly budget: number;
  readonly #parked = new Set<ArrayBufferLike>();
  #parkedBytes = 0;
  /** Given back, the longest ago first. */
  readonly #pool: SavedSequence[] = [];
  #pooledBytes = 0;
  /** Of the latest states saved. */
  readonly #sizes: { readonly tokens: number; readonly bytes: number }[] = [];

  constructor(budget: number) {
    this.budget = budget;
  }

  get parkedBytes(): number {
    return this.#parkedBytes;
  }

  /** Free to be given up or used again. */
  get pooledBytes(): number {
    return this.#pooledBytes;
  }

  /** Would `bytes` more fit beside what is parked? */
  fits(bytes: number): boolean {
    return this.#parkedBytes + bytes <= this.budget;
  }

  /**
   * A buffer of the pool, for `Engine.save` to use again: it has room for `bytes`, and they fill at least half of it.
   * Undefined = there is none; then buffers are given up until a new one of `bytes` keeps the budget, if that can be.
   */
  take(bytes: number): SavedSequence | undefined {
    const [smallest] = this.#pool
      .filter((saved) => sizeOf(saved) >= bytes && sizeOf(saved) <= 2 * bytes)
      .toSorted((a, b) => sizeOf(a) - sizeOf(b));
    if (smallest !== undefined) return this.#takeOut(this.#pool.indexOf(smallest));
    if (this.fits(bytes)) this.#makeRoom(bytes);
    return undefined;
  }

  /** Books a state as parked, and gives up pooled buffers for it. False = it exceeds the budget and is not. */
  add(saved: SavedSequence): boolean {
    const { buffer } = saved.bytes;
    if (this.#parked.has(buffer) || this.#pool.some(({ bytes }) => bytes.buffer === buffer)) {
      throw new Error(`the buffer of a state of ${saved.length} tokens is in use for another one`);
    }
    this.#sizes.unshift({ tokens: saved.length, bytes: saved.bytes.length });
    if (this.#sizes.length > remembered) this.#sizes.pop();
    if (!this.fits(sizeOf(saved))) return false;
    this.#makeRoom(sizeOf(saved));
    this.#parked.add(buffer);
    this.#parkedBytes += sizeOf(saved);
    return true;
  }

  /** Its buffer goes to the pool: the state must not be restored any more. */
  release(saved: SavedSequence): void {
    if (!this.#parked.delete(saved.bytes.buffer)) throw new Error(`a state of ${saved.length} tokens is not parked`);
    this.#parkedBytes -= sizeOf(saved);
    this.#pool.push(saved);
    this.#pooledBytes += sizeOf(saved);
  }

  /**
   * What a state of so many tokens will take: as much per token as that of the latest states which is nearest in
   * length, for a sliding window makes long ones cheaper. Undefined = none was saved yet.
   */
  bytesFor(tokens: number): number | undefined {
    const distance = (size: { tokens: number }) => Math.abs(size.tokens - tokens);
    const [nearest] = this.#sizes.filter((size) => size.tokens > 0).toSorted((a, b) => distance(a) - distance(b));
    return nearest && Math.ceil((nearest.bytes / nearest.tokens) * tokens);
  }

  /** Gives up pooled buffers, the oldest first, until `bytes` more keep the budget. */
  #makeRoom(bytes: number): void {
    while (this.#pool.length > 0 && this.#parkedBytes + this.#pooledBytes + bytes > this.budget) free(this.#takeOut(0));
  }

  #takeOut(index: number): SavedSequence {
    const [saved] = this.#pool.splice(index, 1);
    this.#pooledBytes -= sizeOf(saved!);
    return saved!;
  }
}

/** The memory of a state that nobody has any more, at once. */
export function free(saved: SavedSequence): void {
  freeStateBuffer(saved.bytes.buffer);
}

function sizeOf(saved: SavedSequence): number {
  return saved.bytes.buffer.byteLength;
}
