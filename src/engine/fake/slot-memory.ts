import type { Capabilities, SavedSequence } from "../engine.ts";
import { extend } from "./hash.ts";

interface MemoryShape {
  readonly capacity: number;
  readonly seed: number;
  readonly capabilities: Capabilities;
}

/**
 * One slot: its tokens, and for each the hash of what the model remembers after it. Like a real memory it may be unable
 * to forget a part; it says so and changes nothing.
 */
export class SlotMemory {
  readonly #shape: MemoryShape;
  readonly #tokens: Int32Array;
  readonly #hashes: Uint32Array;
  #length = 0;
  #restored = false;

  constructor(shape: MemoryShape) {
    this.#shape = shape;
    this.#tokens = new Int32Array(shape.capacity);
    this.#hashes = new Uint32Array(shape.capacity);
  }

  get length(): number {
    return this.#length;
  }

  append(token: number): void {
    this.#tokens[this.#length] = token;
    this.#hashes[this.#length] = this.#hashAt(this.#length);
    this.#length++;
  }

  /** What the model knows after token `at`. */
  contextAt(at: number): { tokens: Int32Array; hash: number } {
    return { tokens: this.#tokens.subarray(0, at + 1), hash: this.#hashes[at]! };
  }

  trim(length: number): boolean {
    if (!Number.isInteger(length) || length < 0 || length > this.#length)
      throw new Error(`cannot trim to ${length}: the slot holds ${this.#length} tokens`);
    if (!this.#canCut(length)) return false;
    this.#length = length;
    if (length === 0) this.#restored = false;
    return true;
  }

  /** Takes over the first `length` tokens of another slot, or changes nothing and says no. */
  copyFrom(other: SlotMemory, length: number): boolean {
    if (!Number.isInteger(length) || length < 0 || length > other.#length)
      throw new Error(`cannot copy ${length} tokens: the slot holds ${other.#length}`);
    if (!other.#canCut(length)) return false;
    this.#restored = length > 0 && other.#restored;
    this.#tokens.set(other.#tokens.subarray(0, length));
    this.#hashes.set(other.#hashes.subarray(0, length));
    this.#length = length;
    return true;
  }

  save(into: SavedSequence | undefined): SavedSequence {
    const size = this.#length * Int32Array.BYTES_PER_ELEMENT;
    const memory = into === undefined ? new Uint8Array() : new Uint8Array(into.bytes.buffer);
    const bytes = memory.length >= size ? memory.subarray(0, size) : new Uint8Array(size);
    bytes.set(new Uint8Array(this.#tokens.buffer, 0, size));
    return { length: this.#length, bytes };
  }

  restore(saved: SavedSequence): void {
    const tokens = new Int32Array(saved.bytes.slice().buffer);
    if (tokens.length !== saved.length || tokens.length > this.#shape.capacity)
      throw new Error(`a state of ${saved.bytes.length} bytes and ${saved.length} tokens was not saved by this engine`);
    this.#length = 0;
    this.#restored = true;
    for (const token of tokens) this.append(token);
  }

  #canCut(length: number): boolean {
    if (length === 0 || length === this.#length) return true;
    const { trimInPlace, trimAfterRestore } = this.#shape.capabilities;
    return this.#restored ? trimAfterRestore : trimInPlace;
  }

  #hashAt(at: number): number {
    const { window } = this.#shape.capabilities;
    if (window === 0) return extend(at === 0 ? this.#shape.seed : this.#hashes[at - 1]!, this.#tokens[at]!);
    return this.#tokens.subarray(Math.max(0, at + 1 - window), at + 1).reduce(extend, this.#shape.seed);
  }
}
