import type { GenerationEvent } from "../core/generation.ts";

/**
 * What must be known of an answer to go on with it in another process: token ids. All else follows from replaying them.
 * Four bytes a token, and never more tokens than the context holds.
 */
export class Journal {
  #promptTokens: Int32Array | undefined;
  #tokens = new Int32Array(64);
  #length = 0;

  note(event: GenerationEvent): void {
    if (event.type === "admitted") this.#promptTokens = Int32Array.from(event.promptTokens);
    else if (event.type === "text-delta") this.#append(event.tokens);
  }

  /** Undefined until the request was admitted. */
  get promptTokens(): Int32Array | undefined {
    return this.#promptTokens;
  }

  /** Those of the answer, so far. */
  get tokens(): Int32Array {
    return this.#tokens.subarray(0, this.#length);
  }

  #append(tokens: readonly number[]): void {
    const length = this.#length + tokens.length;
    if (length > this.#tokens.length) {
      const larger = new Int32Array(Math.max(length, 2 * this.#tokens.length));
      larger.set(this.tokens);
      this.#tokens = larger;
    }
    this.#tokens.set(tokens, this.#length);
    this.#length = length;
  }
}
