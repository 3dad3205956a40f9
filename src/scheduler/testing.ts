import type { Batch, Engine, StepOutput } from "../engine/engine.ts";
import { newSequence, type NewSequence, type Sequence } from "./sequence.ts";
import { newState, type SchedulerState } from "./state.ts";

const END = 0;

/** A sequence whose next token is a checksum of all tokens before it; token 0, about one in sixteen, ends it. */
export function aSequence(over: Partial<NewSequence> & { length?: number } = {}): Sequence {
  const { length = 8, ...rest } = over;
  return newSequence({
    id: "s",
    prompt: Int32Array.from({ length }, (_, index) => index + 1),
    limit: 64,
    credit: Infinity,
    sample: (_logits, { tokens, length }) => checksum(tokens.subarray(0, length)) % 16,
    endsGeneration: (token) => token === END,
    ...rest,
  });
}

/** A sequence that runs in `slot` and has computed all its tokens but the last: a decode. */
export function aDecode(state: SchedulerState, over: Parameters<typeof aSequence>[0] = {}): Sequence {
  const sequence = aSequence(over);
  const slot = state.slots.next(1)[0]!;
  state.slots.take(slot);
  state.running.push(sequence);
  return Object.assign(sequence, { slot, computed: sequence.length - 1 });
}

export function aState(slots = 4): SchedulerState {
  return newState(slots);
}

/** Remembers what each slot holds, as an engine does, and refuses a batch that does not continue it. */
export class ToyEngine implements Pick<Engine, "step" | "trim" | "held"> {
  readonly #held: Int32Array[];

  constructor(slots: number) {
    this.#held = Array.from({ length: slots }, () => new Int32Array(0));
  }

  held(slot: number): number {
    return this.#held[slot]!.length;
  }

  /** The tokens in the slot. */
  contents(slot: number): Int32Array {
    return this.#held[slot]!;
  }

  trim(slot: number, length: number): boolean {
    this.#held[slot] = this.#held[slot]!.slice(0, length);
    return true;
  }

  step(batch: Batch): StepOutput {
    for (const { slot, tokens, from, count } of batch) {
      if (from !== this.held(slot)) throw new Error(`slot ${slot} holds ${this.held(slot)} tokens, not ${from}`);
      this.#held[slot] = tokens.slice(0, from + count);
    }
    return { status: "done", logits: () => new Float32Array(0) };
  }
}

function checksum(tokens: Int32Array): number {
  let sum = 17;
  for (const token of tokens) sum = (Math.imul(sum, 31) + token) >>> 0;
  return (sum ^ (sum >>> 15)) >>> 0;
}
