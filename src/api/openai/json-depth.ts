/** Follows how many brackets are open in a JSON text that comes in pieces. */
export class JsonDepth {
  #depth = 0;
  #isInString = false;
  #isEscaped = false;

  get depth(): number {
    return this.#depth;
  }

  /**
   * Reads on until a bracket closes that leaves only `depth` of them open: how much of the piece that is, with the bracket.
   * Or until `mark` stands outside a string: how much stands before it. Undefined = the whole piece was read, and there is none.
   */
  until(piece: string, depth: number, mark?: string): number | undefined {
    for (let at = 0; at < piece.length; at++) {
      const character = piece[at]!;
      if (this.#isEscaped) this.#isEscaped = false;
      else if (this.#isInString) {
        if (character === "\\") this.#isEscaped = true;
        else if (character === '"') this.#isInString = false;
      } else if (character === '"') this.#isInString = true;
      else if (character === "{" || character === "[") this.#depth++;
      else if ((character === "}" || character === "]") && --this.#depth <= depth) return at + 1;
      else if (mark !== undefined && piece.startsWith(mark, at)) return at;
    }
    return undefined;
  }
}
