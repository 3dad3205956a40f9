import type { GenerationRequest } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";

/** Positions behind the tokens that end a message: where another prompt of the same conversation or system may part. */
export function messageBoundaries(tokens: Int32Array, vocabulary: Vocabulary): number[] {
  const boundaries: number[] = [];
  for (let at = 0; at < tokens.length; at++) if (vocabulary.endsGeneration(tokens[at]!)) boundaries.push(at + 1);
  return boundaries;
}

/** The beginnings of prompts that the server's owner lets tenants share. */
export class SharedPrefixes {
  readonly #texts: ReadonlySet<string>;
  readonly #prefixes: readonly Int32Array[];
  readonly #vocabulary: Vocabulary;

  constructor(texts: readonly string[], vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    this.#texts = new Set(texts);
    this.#prefixes = texts.map((text) => vocabulary.tokenize(text, { parseSpecial: false, addSpecial: true }));
  }

  /** How many tokens of a prompt are shared: up to the end of a chat's system message, or of a plain prompt's beginning. */
  lengthIn({ prompt }: GenerationRequest, tokens: Int32Array): number {
    if (this.#texts.size === 0) return 0;
    if (prompt.kind !== "chat") return Math.max(0, ...this.#prefixes.map((prefix) => beginning(prefix, tokens)));
    if (prompt.tools !== undefined) return 0; // they stand in the system message, and are the tenant's
    const [first] = prompt.messages;
    if (first === undefined || first.role === "user" || !this.#texts.has(first.content)) return 0;
    return messageBoundaries(tokens, this.#vocabulary)[0] ?? 0;
  }
}

/** Tokens of `prefix` that `tokens` begin with, if they are all of it: its last may have merged with what follows. */
function beginning(prefix: Int32Array, tokens: Int32Array): number {
  let length = 0;
  while (length < prefix.length && prefix[length] === tokens[length]) length++;
  return length >= prefix.length - 1 ? length : 0;
}
