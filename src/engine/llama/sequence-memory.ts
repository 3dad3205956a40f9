import type { ExecutionPlan } from "../../core/execution-plan.ts";
import { failure } from "../../core/errors.ts";
import { freeStateBuffer, stateBuffer } from "../../core/state-buffer.ts";
import type { Batch, Capabilities, SavedSequence } from "../engine.ts";
import type { Native, Pointer } from "./native.ts";

/** Saved states grow by a few tokens from one save to the next: room in steps lets them use their buffer again. */
const bufferStep = 1 << 20;

/** What the slots hold in the library's memory, and whether it can be cut or shared without becoming wrong. */
export class SequenceMemory {
  /** Tokens of each slot. */
  readonly held: Int32Array;
  readonly #native: Native;
  readonly #context: Pointer;
  readonly #memory: Pointer;
  readonly #capabilities: Capabilities;
  readonly #unified: boolean;
  /** For copies between streams. */
  #scratch: SavedSequence | undefined;

  constructor(native: Native, context: Pointer, of: { plan: ExecutionPlan; capabilities: Capabilities }) {
    const memory = native.memory(context);
    if (memory === null) throw failure("engine_failed", { problem: "this model has no sequence memory" });
    this.held = new Int32Array(of.plan.slots);
    this.#native = native;
    this.#context = context;
    this.#memory = memory;
    this.#capabilities = of.capabilities;
    this.#unified = of.plan.kvLayout === "unified";
  }

  heldBy(slot: number): number {
    const held = this.held[slot];
    if (held === undefined) throw misuse(`there is no slot ${slot} of ${this.held.length}`);
    return held;
  }

  /** Asks the library again, after a step that ended early. */
  recount(batch: Batch): void {
    for (const { slot } of batch) {
      // A state that is a sum cannot be taken back to where the step began.
      if (this.#capabilities.recurrent) this.#native.removeRange(this.#memory, slot, -1, -1);
      this.held[slot] = this.#native.lastPosition(this.#memory, slot) + 1;
    }
  }

  trim(slot: number, length: number): boolean {
    const held = this.heldBy(slot);
    if (!(length >= 0 && length <= held)) throw misuse(`slot ${slot} holds ${held} tokens and cannot keep ${length}`);
    if (length === held) return true;
    if (!this.#canCut(slot, length)) return false;
    if (!this.#native.removeRange(this.#memory, slot, length, -1)) return false;
    this.held[slot] = length;
    return true;
  }

  copy(from: number, to: number, length: number): boolean {
    if (from === to) return this.trim(from, length);
    const held = this.heldBy(from);
    if (!(length >= 0 && length <= held)) throw misuse(`slot ${from} holds ${held} tokens and cannot give ${length}`);
    if (!this.#canCut(from, length)) return false;
    this.trim(to, 0);
    if (length === 0) return true;
    if (this.#unified) {
      this.#native.copyRange(this.#memory, from, to, -1, -1);
      this.held[to] = held;
    } else {
      // Between streams the library's copy waits for the next decode: a save or restore before that would be wrong. And
      // it copies the whole stream, which takes longer than this way through host memory.
      this.#scratch = this.save(from, this.#scratch);
      this.restore(to, this.#scratch);
    }
    if (this.trim(to, length)) return true;
    // What was saved is less than what `from` still has of a sliding window.
    this.trim(to, 0);
    return false;
  }

  save(slot: number, into?: SavedSequence): SavedSequence {
    const length = this.heldBy(slot);
    const size = this.#native.stateSize(this.#context, slot);
    const roomy = into !== undefined && into.bytes.buffer.byteLength >= size;
    if (into !== undefined && !roomy) freeStateBuffer(into.bytes.buffer);
    const buffer = roomy ? into.bytes.buffer : stateBuffer(Math.ceil(size / bufferStep) * bufferStep);
    const bytes = new Uint8Array(buffer, 0, size);
    if (this.#native.getState(this.#context, bytes, size, slot) !== size) throw misuse(`slot ${slot} cannot be saved`);
    return { length, bytes };
  }

  restore(slot: number, saved: SavedSequence): void {
    this.trim(slot, 0);
    if (saved.length === 0) return;
    const read = this.#native.setState(this.#context, saved.bytes, saved.bytes.length, slot);
    this.held[slot] = this.#native.lastPosition(this.#memory, slot) + 1;
    if (read === saved.bytes.length && this.held[slot] === saved.length) return;
    this.trim(slot, 0);
    throw misuse(`${saved.length} tokens could not be restored into slot ${slot}`);
  }

  /**
   * The first `length` tokens are all that the slot needs to go on from there. The library says yes to any cut, and is
   * then silently wrong when the sliding window has dropped tokens that come back into view: all of
   * `length - window + 1 ..` must still be there.
   */
  #canCut(slot: number, length: number): boolean {
    const { recurrent, window } = this.#capabilities;
    if (length === 0 || length === this.held[slot]) return true;
    if (recurrent) return false;
    return window === 0 || this.#native.firstPosition(this.#memory, slot) <= Math.max(0, length - window + 1);
  }
}

function misuse(problem: string): Error {
  return failure("engine_failed", { problem });
}
