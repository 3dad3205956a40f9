import type { Vocabulary } from "../engine/vocabulary.ts";

/** The text of tokens that are all there; with the names of control tokens, if `special`. */
export function textOf(tokens: Int32Array, vocabulary: Pick<Vocabulary, "piece">, special = false): string {
  return Buffer.concat(Array.from(tokens, (token) => vocabulary.piece(token, special))).toString();
}

/**
 * Bytes of tokens to text, as they come: a character whose bytes are not all there is held back. All texts together are
 * what TextDecoder makes of all bytes together; bytes that are no UTF-8 become U+FFFD.
 */
export class Detokenizer {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  #length = 0;

  /** Of the text so far, in UTF-16 units. */
  get length(): number {
    return this.#length;
  }

  /** The text that became certain with these bytes. */
  push(bytes: Uint8Array): string {
    const text = this.#decoder.decode(bytes, { stream: true });
    this.#length += text.length;
    return text;
  }

  /** What was held back, at the end. */
  flush(): string {
    return this.#decoder.decode();
  }
}
