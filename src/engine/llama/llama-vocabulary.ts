import { failure } from "../../core/errors.ts";
import type { Vocabulary, VocabularyHandle } from "../vocabulary.ts";
import type { Native, Pointer } from "./native.ts";
import { openLibrary } from "./platform-library.ts";

const nothing = new Uint8Array(0);
/** What is read in answers is text in them, though some model files have it as control tokens. */
const marks = ["<think>", "</think>", "<tool_call>", "</tool_call>"];

/** Opens the vocabulary of a model that is in memory, on any thread; the library reads it without locks. */
export function openLlamaVocabulary(handle: VocabularyHandle & { readonly kind: "llama" }): Vocabulary {
  return new LlamaVocabulary(openLibrary(handle.libraryDirectory), handle.model);
}

class LlamaVocabulary implements Vocabulary {
  readonly size: number;
  readonly bosToken: number | undefined;
  readonly eosToken: number | undefined;
  readonly chatTemplate: string | undefined;
  readonly #native: Native;
  readonly #vocabulary: Pointer;
  /** Pieces that were asked for: without and with the text of control tokens. */
  readonly #pieces: readonly [(Uint8Array | undefined)[], (Uint8Array | undefined)[]] = [[], []];
  readonly #ids = new Int32Array(4096);
  #bytes = new Uint8Array(256);
  #maxPieceBytes = 0;
  #controlTokens: number[] | undefined;
  #markTokens: ReadonlySet<number> | undefined;

  constructor(native: Native, model: Pointer) {
    this.#native = native;
    this.#vocabulary = native.vocabulary(model);
    this.size = native.vocabularySize(this.#vocabulary);
    this.bosToken = presentToken(native.bosToken(this.#vocabulary));
    this.eosToken = presentToken(native.eosToken(this.#vocabulary));
    this.chatTemplate = native.chatTemplate(model, null) ?? undefined;
  }

  /** Looks at all tokens when first asked: some 0.3 µs each. */
  get maxPieceBytes(): number {
    if (this.#maxPieceBytes === 0) {
      for (let token = 0; token < this.size; token++)
        this.#maxPieceBytes = Math.max(this.#maxPieceBytes, this.#sizeOf(token, true));
    }
    return this.#maxPieceBytes;
  }

  /** Looks at all tokens when first asked, and keeps no pieces: they would take 200 bytes each. */
  get controlTokens(): readonly number[] {
    if (this.#controlTokens === undefined) {
      const found: number[] = [];
      for (let token = 0; token < this.size; token++)
        if (this.#sizeOf(token, this.#isMark(token)) === 0) found.push(token);
      this.#controlTokens = found;
    }
    return this.#controlTokens;
  }

  tokenize(text: string, options: { parseSpecial: boolean; addSpecial: boolean }): Int32Array {
    const bytes = Buffer.from(text, "utf8");
    // Hardly a tokenizer makes more tokens than bytes, and to ask for the number first would cost as much as the answer.
    const room = bytes.length + 16;
    let ids = room <= this.#ids.length ? this.#ids : new Int32Array(room);
    let count = this.#tokenizeInto(ids, bytes, options);
    if (count < 0 && count > -(2 ** 31)) {
      ids = new Int32Array(-count);
      count = this.#tokenizeInto(ids, bytes, options);
    }
    if (count < 0) throw failure("engine_failed", { problem: `a text of ${bytes.length} bytes cannot be tokenized` });
    return ids.slice(0, count);
  }

  piece(token: number, special = false): Uint8Array {
    const cache = this.#pieces[special ? 1 : 0];
    return (cache[token] ??= this.#readPiece(token, special || this.#isMark(token)));
  }

  endsGeneration(token: number): boolean {
    this.#check(token);
    return this.#native.endsGeneration(this.#vocabulary, token);
  }

  #tokenizeInto(ids: Int32Array, bytes: Uint8Array, options: { parseSpecial: boolean; addSpecial: boolean }): number {
    const { addSpecial, parseSpecial } = options;
    return this.#native.tokenize(this.#vocabulary, bytes, bytes.length, ids, ids.length, addSpecial, parseSpecial);
  }

  #isMark(token: number): boolean {
    this.#markTokens ??= new Set(
      marks.flatMap((mark) => {
        const ids = this.tokenize(mark, { parseSpecial: true, addSpecial: false });
        return ids.length === 1 ? [ids[0]!] : [];
      }),
    );
    return this.#markTokens.has(token);
  }

  /** With no room for it, a piece's size comes back as a negative number. */
  #sizeOf(token: number, special: boolean): number {
    return -this.#native.piece(this.#vocabulary, token, null, 0, 0, special);
  }

  #readPiece(token: number, special: boolean): Uint8Array {
    this.#check(token);
    const read = () => this.#native.piece(this.#vocabulary, token, this.#bytes, this.#bytes.length, 0, special);
    let size = read();
    if (size < 0) {
      this.#bytes = new Uint8Array(-size);
      size = read();
    }
    return size === 0 ? nothing : this.#bytes.slice(0, size);
  }

  /** Native code would read past its tables. */
  #check(token: number): void {
    if (Number.isInteger(token) && token >= 0 && token < this.size) return;
    throw failure("engine_failed", { problem: `token ${token} is outside the vocabulary of ${this.size}` });
  }
}

function presentToken(id: number): number | undefined {
  return id >= 0 ? id : undefined;
}
