import type { Constraint } from "../../core/constraint.ts";
import { MillraceError, toMillraceError } from "../../core/errors.ts";
import type { Vocabulary } from "../../engine/vocabulary.ts";
import { Automaton, type State, type Work } from "./automaton.ts";
import { compileConstraint } from "./program.ts";
import { maskAt, type TokenMask } from "./token-mask.ts";
import { buildTokenTrie, type TokenTrie } from "./token-trie.ts";

/** Kept for requests to come, the latest used. */
const mostGrammars = 32;
const mostMaskBytes = 8 * 2 ** 20;
/** Of what all together remember: beyond it the oldest is given up. */
const mostBytes = 128 * 2 ** 20;
/** Forced text is looked ahead for so many bytes. */
const mostForcedBytes = 256;
/** With the token before them not more than a tile of the scheduler's: they are computed at once, as part of a stream. */
const mostForcedTokens = 63;
/** Fewer cost more as a pass of their own than as tokens of the steps that follow. */
const leastForcedTokens = 2;
/** To look for forced text is worth so much work and no more. */
const mostLookAhead = 50_000;
const noTokens = new Int32Array(0);

/** A constraint over the tokens of a vocabulary. What it finds out it keeps for all requests. */
export class Grammar {
  readonly #automaton: Automaton;
  readonly #vocabulary: Vocabulary;
  readonly #trie: TokenTrie;
  readonly #names = new WeakMap<State, string>();
  readonly #masks = new Map<string, TokenMask>();
  readonly #forced = new WeakMap<State, Int32Array>();

  constructor(constraint: Constraint, vocabulary: Vocabulary, trie: TokenTrie) {
    this.#automaton = new Automaton(compileConstraint(constraint));
    this.#vocabulary = vocabulary;
    this.#trie = trie;
  }

  get start(): State {
    return this.#automaton.start;
  }

  /** About what it remembers takes. */
  get bytes(): number {
    return this.#automaton.bytes + this.#maskBytes;
  }

  get #maskBytes(): number {
    return this.#masks.size * Math.ceil(this.#vocabulary.size / 8);
  }

  /** The tokens that may come after a state. */
  maskAt(state: State, work: Work): TokenMask {
    let name = this.#names.get(state);
    if (name === undefined) {
      name = this.#automaton.horizon(state, this.#trie.longest) ?? state.key;
      this.#names.set(state, name);
    }
    let mask = this.#masks.get(name);
    if (mask === undefined) {
      this.#automaton.workWith(work);
      const { size } = this.#vocabulary;
      mask = maskAt(state, { automaton: this.#automaton, trie: this.#trie, size });
      if (this.#maskBytes > mostMaskBytes) this.#masks.clear();
      this.#masks.set(name, mask);
    }
    return mask;
  }

  /** Undefined if no text goes on so. */
  after(state: State, bytes: Uint8Array, work: Work): State | undefined {
    this.#automaton.workWith(work);
    let next: State | null = state;
    for (const byte of bytes) if ((next = this.#automaton.after(next, byte)) === null) return undefined;
    return next;
  }

  /**
   * The tokens of the text that must come now, but for the last, which may be a part of one with more behind it. None
   * where it is not worth a pass.
   */
  forcedAfter(state: State): Int32Array {
    let tokens = this.#forced.get(state);
    if (tokens === undefined) this.#forced.set(state, (tokens = this.#tokensOf(this.#forcedText(state))));
    return tokens;
  }

  *#forcedBytes(state: State): Generator<number> {
    this.#automaton.workWith({ left: mostLookAhead });
    let at: State | null = state;
    for (let length = 0; length < mostForcedBytes; length++) {
      const byte = this.#automaton.onlyByte(at);
      if (byte === undefined) return;
      try {
        at = this.#automaton.after(at, byte);
      } catch (error) {
        if (error instanceof MillraceError) return; // it is looked at again when it is there
        throw error;
      }
      if (at === null) return;
      yield byte;
    }
  }

  #forcedText(state: State): string {
    const bytes = [...this.#forcedBytes(state)];
    const isInsideCharacter = (bytes[0]! & 0xc0) === 0x80;
    return isInsideCharacter
      ? ""
      : new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes), { stream: true });
  }

  /** A line break before the text keeps tokenizers from beginning it with a space; it makes no token with what follows. */
  #tokensOf(text: string): Int32Array {
    if (text === "") return noTokens;
    const tokens = this.#vocabulary.tokenize(`\n${text}`, { parseSpecial: false, addSpecial: false });
    let left = Buffer.byteLength(text);
    let begin = tokens.length;
    while (begin > 0 && left > 0) left -= this.#vocabulary.piece(tokens[--begin]!).length;
    const forced = tokens.subarray(begin, -1).slice(0, mostForcedTokens);
    return left === 0 && forced.length >= leastForcedTokens ? forced : noTokens;
  }
}

/** The grammars of one vocabulary, by what they are. */
export class Grammars {
  readonly #vocabulary: Vocabulary;
  #trie: TokenTrie | undefined;
  readonly #grammars = new Map<string, Grammar>();

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** Takes the trie that somebody else has made; without it the first grammar makes it. */
  useTrie(trie: TokenTrie): void {
    this.#trie ??= trie;
  }

  /** Or why there is none. */
  of(constraint: Constraint): Grammar | MillraceError {
    this.#trie ??= buildTokenTrie(this.#vocabulary);
    const key = JSON.stringify(constraint);
    const grammar = this.#grammars.get(key) ?? this.#make(constraint, this.#trie);
    if (grammar instanceof MillraceError) return grammar;
    this.#grammars.delete(key);
    this.#grammars.set(key, grammar);
    this.#giveUpOldest();
    return grammar;
  }

  /** The latest stays in any case. */
  #giveUpOldest(): void {
    let bytes = 0;
    for (const [count, [key, grammar]] of [...this.#grammars].toReversed().entries()) {
      bytes += grammar.bytes;
      if (count > 0 && (count >= mostGrammars || bytes > mostBytes)) this.#grammars.delete(key);
    }
  }

  #make(constraint: Constraint, trie: TokenTrie): Grammar | MillraceError {
    try {
      return new Grammar(constraint, this.#vocabulary, trie);
    } catch (error) {
      return toMillraceError(error);
    }
  }
}
