import type { Vocabulary } from "../vocabulary.ts";
import { openers, words } from "./words.ts";

const controls = ["<|bos|>", "<|eos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"] as const;
const none = new Uint8Array();

const chatTemplate = `{{- bos_token -}}
{%- for message in messages -%}
{%- if message.role not in ["system", "user", "assistant"] -%}
{{- raise_exception("role '" + message.role + "' is not one of system, user, assistant") -}}
{%- endif -%}
{{- "<|" + message.role + "|>\\n" + message.content + "<|end|>\\n" -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- "<|assistant|>\\n" -}}
{%- endif -%}`;
const thinkingTemplate = `{#- What is thought ends with </think>. -#}
${chatTemplate.replace('"<|assistant|>\\n"', '"<|assistant|>\\n<think>\\n"')}`;

/** A half-open range of token ids. */
export interface TokenRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Control tokens, then the 256 bytes, then words. A text is cut into the longest words, and bytes where none fits, so
 * that every text has tokens and a character that is no ASCII is spread over several.
 */
export class FakeVocabulary implements Vocabulary {
  readonly size: number;
  readonly maxPieceBytes: number;
  readonly bosToken = controls.indexOf("<|bos|>");
  readonly eosToken = controls.indexOf("<|eos|>");
  readonly endToken = controls.indexOf("<|end|>");
  readonly controlTokens = [...controls.keys()];
  readonly userToken = controls.indexOf("<|user|>");
  readonly assistantToken = controls.indexOf("<|assistant|>");
  readonly bytes: TokenRange = { start: controls.length, end: controls.length + 256 };
  readonly words: TokenRange;
  /** Sentence openers at the beginning of a text, and after another sentence. */
  readonly openers: TokenRange;
  readonly spacedOpeners: TokenRange;
  readonly chatTemplate: string | undefined;
  /** What its template has between the assistant's header and the answer. */
  readonly answerStart: string;
  readonly #pieces: readonly Uint8Array[];
  /** Words by their bytes as Latin-1; the longest first by length. */
  readonly #wordTokens = new Map<string, number>();
  readonly #longestWord: number;

  constructor({ chat, thinks }: { readonly chat: boolean; readonly thinks: boolean }) {
    this.answerStart = thinks ? "\n<think>\n" : "\n";
    this.chatTemplate = chat ? (thinks ? thinkingTemplate : chatTemplate) : undefined;
    const texts = [...words.map((word) => ` ${word}`), ...openers, ...openers.map((word) => ` ${word}`)];
    this.words = after(this.bytes, words.length);
    this.openers = after(this.words, openers.length);
    this.spacedOpeners = after(this.openers, openers.length);
    this.size = this.spacedOpeners.end;
    texts.forEach((text, i) => this.#wordTokens.set(text, this.words.start + i));
    this.#longestWord = Math.max(...texts.map((text) => text.length));
    this.#pieces = [
      ...controls.map((text) => Buffer.from(text)),
      ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
      ...texts.map((text) => Buffer.from(text)),
    ];
    this.maxPieceBytes = Math.max(...this.#pieces.map((piece) => piece.length));
  }

  tokenize(text: string, options: { parseSpecial: boolean; addSpecial: boolean }): Int32Array {
    const bytes = Buffer.from(text).toString("latin1");
    const ids: number[] = options.addSpecial ? [this.bosToken] : [];
    for (let at = 0; at < bytes.length;) {
      const control = options.parseSpecial ? controls.findIndex((name) => bytes.startsWith(name, at)) : -1;
      const id = control === -1 ? this.longestAt(bytes, at) : control;
      ids.push(id);
      at += this.#pieces[id]!.length;
    }
    return Int32Array.from(ids);
  }

  /** The token with the longest piece that stands at `at` in these bytes (as Latin-1), which have not ended there. */
  longestAt(bytes: string, at: number): number {
    const byte = bytes.charCodeAt(at);
    if (byte === 0x20 || (byte >= 0x41 && byte <= 0x5a)) {
      for (let length = Math.min(this.#longestWord, bytes.length - at); length > 0; length--) {
        const id = this.#wordTokens.get(bytes.slice(at, at + length));
        if (id !== undefined) return id;
      }
    }
    return this.byteToken(byte);
  }

  byteToken(byte: number): number {
    return this.bytes.start + byte;
  }

  piece(token: number, special = false): Uint8Array {
    const piece = this.#pieces[token];
    if (piece === undefined) throw new Error(`token ${token} is not in 0..${this.size - 1}`);
    return token < controls.length && !special ? none : piece;
  }

  /** The bytes of some tokens as Latin-1, control tokens left out. */
  bytesOf(tokens: Int32Array): string {
    return Buffer.concat(Array.from(tokens, (token) => this.piece(token))).toString("latin1");
  }

  endsGeneration(token: number): boolean {
    return token === this.eosToken || token === this.endToken;
  }
}

function after(range: TokenRange, length: number): TokenRange {
  return { start: range.end, end: range.end + length };
}
