import { failure } from "../../core/errors.ts";
import type { Batch, BatchItem } from "../engine.ts";
import { addressOf, type NativeBatch } from "./native.ts";

/** What a batch may contain. */
interface BatchLimits {
  readonly tokens: number;
  readonly outputs: number;
  readonly vocabularySize: number;
  /** Tokens that each slot holds at the moment. */
  readonly held: Int32Array;
}

/** A batch in the form that the library reads, in arrays that are allocated once. */
export class FlatBatch {
  readonly native: NativeBatch;
  /** Rows of logits come in the order in which tokens asked for them; this is each item's first. */
  readonly firstRow: Int32Array;
  rows = 0;
  /** Some item has more than one token. */
  hasPrefill = false;
  readonly #slots: Int32Array;
  readonly #limits: BatchLimits;
  /** The last fill in which a slot was named. */
  readonly #namedIn: Float64Array;
  #fills = 0;

  constructor(limits: BatchLimits) {
    const n = limits.tokens;
    this.#limits = limits;
    this.firstRow = new Int32Array(limits.held.length);
    this.#namedIn = new Float64Array(limits.held.length);
    this.#slots = offHeap(n);
    // A token's list of sequences has one element: its own in #slots, for good.
    const start = addressOf(this.#slots);
    const lists = new BigUint64Array(new ArrayBuffer(n * BigUint64Array.BYTES_PER_ELEMENT));
    for (let i = 0; i < n; i++) lists[i] = start + BigInt(i * Int32Array.BYTES_PER_ELEMENT);
    this.native = {
      n_tokens: 0,
      token: offHeap(n),
      embd: null,
      pos: offHeap(n),
      n_seq_id: offHeap(n).fill(1),
      seq_id: lists,
      logits: new Int8Array(new ArrayBuffer(n)),
    };
  }

  /** Takes a batch over. Throws when it does not continue what the slots hold: a wrong one must not reach native code. */
  fill(batch: Batch): void {
    this.#fills++;
    this.rows = 0;
    this.hasPrefill = false;
    let n = 0;
    for (let i = 0; i < batch.length; i++) {
      const item = batch[i]!;
      this.#check(item);
      if (n + item.count > this.#limits.tokens) throw refusal(`has more than ${this.#limits.tokens} tokens`);
      this.firstRow[i] = this.rows;
      this.#append(item, n);
      n += item.count;
      this.rows += outputsOf(item);
      if (item.count > 1) this.hasPrefill = true;
    }
    if (this.rows > this.#limits.outputs)
      throw refusal(`asks for ${this.rows} rows, more than ${this.#limits.outputs}`);
    this.native.n_tokens = n;
  }

  #check({ slot, tokens, from, count }: BatchItem): void {
    const held = this.#limits.held[slot];
    if (held === undefined) throw refusal(`names slot ${slot} of ${this.#limits.held.length}`);
    if (this.#namedIn[slot] === this.#fills) throw refusal(`names slot ${slot} twice`);
    this.#namedIn[slot] = this.#fills;
    if (from !== held) throw refusal(`begins at token ${from} of slot ${slot}, which holds ${held}`);
    if (!(count > 0 && from + count <= tokens.length)) throw refusal(`has ${count} tokens of ${tokens.length - from}`);
  }

  #append(item: BatchItem, start: number): void {
    const { token, pos, logits } = this.native;
    const { slot, tokens, from, count } = item;
    const silent = count - outputsOf(item);
    for (let k = 0; k < count; k++) {
      const id = tokens[from + k]!;
      if (id < 0 || id >= this.#limits.vocabularySize) throw refusal(`has a token ${id}, outside the vocabulary`);
      token[start + k] = id;
      pos[start + k] = from + k;
      this.#slots[start + k] = slot;
      logits[start + k] = k < silent ? 0 : 1;
    }
  }
}

/** Rows of logits that an item asks for: of its last tokens. */
export function outputsOf({ outputs, count }: BatchItem): number {
  return outputs === "all" ? count : outputs === "last" ? 1 : 0;
}

/** Native code keeps the address, so the numbers must not lie on the heap, where small arrays do. */
function offHeap(length: number): Int32Array {
  return new Int32Array(new ArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
}

function refusal(problem: string): Error {
  return failure("engine_failed", { problem: `a batch ${problem}` });
}
