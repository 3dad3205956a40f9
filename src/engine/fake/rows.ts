import type { BatchItem, StepOutput } from "../engine.ts";

/** How many rows of logits an item asks for. */
export function rowsOf(item: BatchItem): number {
  return { none: 0, last: 1, all: item.count }[item.outputs];
}

/**
 * The logits of the steps. Two halves take turns, and the one of the step before is filled with NaN, so that whoever
 * still reads it notices.
 */
export class Rows {
  readonly #rowLength: number;
  readonly #halves: [Float32Array, Float32Array];
  #used = 0;
  #step = 0;

  constructor(rows: number, rowLength: number) {
    this.#rowLength = rowLength;
    this.#halves = [new Float32Array(rows * rowLength), new Float32Array(rows * rowLength)];
  }

  /** Begins a step: what was written before is gone. */
  begin(): void {
    this.#halves[this.#step % 2]!.fill(NaN, 0, this.#used * this.#rowLength);
    this.#used = 0;
    this.#step++;
  }

  /** The next row of this step, to be written. */
  take(): Float32Array {
    return this.#row(this.#used++);
  }

  /** The rows taken in this step as the output of a batch. */
  output(batch: readonly BatchItem[]): StepOutput {
    const step = this.#step;
    return {
      status: "done",
      logits: (index, at) => {
        const item = batch[index];
        if (item === undefined) throw new Error(`the batch has no item ${index}`);
        if (step !== this.#step) throw new Error("the logits were valid until the next step, which has been");
        const inItem = at ?? item.count - 1;
        const row = inItem - (item.count - rowsOf(item));
        if (row < 0 || inItem >= item.count) throw new Error(`item ${index} asked for no logits of token ${inItem}`);
        const before = batch.slice(0, index).reduce((sum, other) => sum + rowsOf(other), 0);
        if (rowsOf(item) === 0) throw new Error(`item ${index} asked for no logits`);
        return this.#row(before + row);
      },
    };
  }

  #row(index: number): Float32Array {
    const half = this.#halves[this.#step % 2]!;
    return half.subarray(index * this.#rowLength, (index + 1) * this.#rowLength);
  }
}
