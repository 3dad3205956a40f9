import { failure } from "../../core/errors.ts";
import { viewFloats, type Pointer } from "./native.ts";

/** The rows of the library's logits buffer as arrays that are not copied. */
export class LogitsRows {
  readonly #width: number;
  #address: Pointer | null = null;
  #rows: Float32Array[] = [];

  /** `width`: floats of one row. */
  constructor(width: number) {
    this.#width = width;
  }

  /**
   * Looks at the buffer again, after a step that gave `count` rows. The library moves it when it grows: only rows of a
   * buffer that is still there may be kept.
   */
  refresh(address: Pointer | null, count: number): void {
    if (address === this.#address && count <= this.#rows.length) return;
    if (address === null) throw failure("engine_failed", { problem: "the library gave no logits" });
    const all = viewFloats(address, count * this.#width);
    this.#rows = Array.from({ length: count }, (_, row) => all.subarray(row * this.#width, (row + 1) * this.#width));
    this.#address = address;
  }

  at(row: number): Float32Array {
    return this.#rows[row]!;
  }
}
