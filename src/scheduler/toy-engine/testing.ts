import type { Batch, Capabilities, Engine, SavedSequence, StepOutput } from "../../engine/engine.ts";

/** The token that ends an answer. */
export const END = 0;

export interface ToyOptions {
  readonly slots: number;
  readonly capabilities: Pick<Capabilities, "trimInPlace" | "trimAfterRestore">;
  /**
   * What a cut does that the capabilities do not promise: it is refused, or made and what is left is spoiled. Libraries
   * do the latter, so that a caller who does not ask is silently wrong.
   */
  readonly forbiddenCuts?: "refused" | "spoil";
  /** Whose tokens they are: recorded with each token computed, and kept where it is copied, saved and restored. */
  readonly ownerOf?: (tokens: Int32Array) => number;
}

interface Content {
  readonly tokens: number[];
  readonly owners: number[];
  restored: boolean;
}

/** Bytes that the buffer of a saved state is rounded up to: buffers count whole. */
const bufferStep = 64;
const spoilt = -1;

/**
 * Remembers exactly what each slot holds and who computed it, and refuses a batch that does not continue it. The logits
 * are one number, made of what the slot holds and not of what the caller thinks it does: the token that follows.
 */
export class ToyEngine implements Pick<Engine, "step" | "trim" | "held" | "copy" | "save" | "restore"> {
  /** Tokens computed since it was made. */
  computed = 0;
  readonly #options: ToyOptions;
  readonly #slots: Content[];

  constructor(options: ToyOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.slots }, () => ({ tokens: [], owners: [], restored: false }));
  }

  held(slot: number): number {
    return this.#slots[slot]!.tokens.length;
  }

  tokensIn(slot: number): readonly number[] {
    return this.#slots[slot]!.tokens;
  }

  ownersIn(slot: number): readonly number[] {
    return this.#slots[slot]!.owners;
  }

  step(batch: Batch): StepOutput {
    const slots = batch.map(({ slot }) => slot);
    if (slots.some((slot, index) => index > 0 && slots[index - 1]! >= slot)) throw new Error(`slots ${slots.join()}`);
    for (const { slot, tokens, from, count } of batch) {
      const content = this.#slots[slot]!;
      if (count < 1) throw new Error(`${count} tokens for slot ${slot}`);
      if (from !== this.held(slot)) throw new Error(`slot ${slot} holds ${this.held(slot)} tokens, not ${from}`);
      const owner = this.#options.ownerOf?.(tokens) ?? 0;
      for (let at = from; at < from + count; at++) {
        content.tokens.push(tokens[at]!);
        content.owners.push(owner);
      }
      this.computed += count;
    }
    return { status: "done", logits: (index) => Float32Array.of(checksum(this.#slots[slots[index]!]!.tokens)) };
  }

  trim(slot: number, length: number): boolean {
    const content = this.#slots[slot]!;
    if (!(length >= 0 && length <= content.tokens.length))
      throw new Error(`slot ${slot} holds ${content.tokens.length} tokens and cannot keep ${length}`);
    const forbidden = !this.#mayCut(content, length);
    if (forbidden && this.#options.forbiddenCuts !== "spoil") return false;
    content.tokens.length = length;
    content.owners.length = length;
    if (length === 0) content.restored = false;
    if (forbidden) content.tokens.fill(spoilt);
    return true;
  }

  copy(from: number, to: number, length: number): boolean {
    if (from === to) throw new Error(`slot ${from} cannot be copied to itself`);
    const source = this.#slots[from]!;
    if (!(length >= 0 && length <= source.tokens.length))
      throw new Error(`slot ${from} holds ${source.tokens.length} tokens and cannot give ${length}`);
    const forbidden = !this.#mayCut(source, length);
    if (forbidden && this.#options.forbiddenCuts !== "spoil") return false;
    this.#slots[to] = {
      tokens: forbidden ? Array.from({ length }, () => spoilt) : source.tokens.slice(0, length),
      owners: source.owners.slice(0, length),
      restored: true,
    };
    return true;
  }

  save(slot: number, into?: SavedSequence): SavedSequence {
    const { tokens, owners } = this.#slots[slot]!;
    const size = tokens.length * 8;
    const roomy = into !== undefined && into.bytes.buffer.byteLength >= size;
    const buffer = roomy ? into.bytes.buffer : new ArrayBuffer(Math.ceil(size / bufferStep) * bufferStep);
    new Int32Array(buffer).fill(spoilt); // whoever still reads what was there before is wrong
    new Int32Array(buffer).set([...tokens, ...owners]);
    return { length: tokens.length, bytes: new Uint8Array(buffer, 0, size) };
  }

  restore(slot: number, saved: SavedSequence): void {
    const { tokens, owners } = readSaved(saved);
    this.#slots[slot] = { tokens, owners, restored: true };
  }

  #mayCut({ tokens, restored }: Content, length: number): boolean {
    if (length === 0 || length === tokens.length) return true;
    const { trimInPlace, trimAfterRestore } = this.#options.capabilities;
    return restored ? trimAfterRestore : trimInPlace;
  }
}

/** What a saved state would restore. */
export function readSaved({ length, bytes }: SavedSequence): { tokens: number[]; owners: number[] } {
  if (bytes.length !== length * 8) throw new Error(`${bytes.length} bytes for ${length} tokens`);
  const numbers = new Int32Array(bytes.buffer, bytes.byteOffset, length * 2);
  return { tokens: Array.from(numbers.subarray(0, length)), owners: Array.from(numbers.subarray(length)) };
}

/** The token that follows `tokens`: 0 .. 15. */
export function checksum(tokens: ArrayLike<number>): number {
  let sum = 17;
  for (let i = 0; i < tokens.length; i++) sum = (Math.imul(sum, 31) + tokens[i]!) >>> 0;
  return ((sum ^ (sum >>> 15)) >>> 0) % 16;
}
