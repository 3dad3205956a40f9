import type { FakeVocabulary, TokenRange } from "./fake-vocabulary.ts";
import { chance, mix } from "./hash.ts";
import type { Script } from "./script.ts";
import { rarities } from "./words.ts";

/** Logits of what may come next lie in 0..8, of anything else below -16; what must come next has 30. */
const spread = 8;
const excluded = -24;
const certain = 30;
const rareBytes = rarities.map((text) => Buffer.from(text).toString("latin1"));

/** A sequence so far, and the hash of what the model remembers of it. */
interface Context {
  readonly tokens: Int32Array;
  readonly hash: number;
}

/**
 * What the fake model says: sentences of random words that end after some dozens of tokens, unless a script says
 * otherwise. A row of logits is a function of the context alone.
 */
export class Language {
  readonly #vocabulary: FakeVocabulary;
  readonly #script: Script;
  readonly #space: number;
  readonly #fullStop: number;
  readonly #newline: number;

  constructor(vocabulary: FakeVocabulary, script: Script) {
    this.#vocabulary = vocabulary;
    this.#script = script;
    [this.#space, this.#fullStop, this.#newline] = [" ", ".", "\n"].map((text) => vocabulary.longestAt(text, 0)) as [
      number,
      number,
      number,
    ];
  }

  /** Fills `row` with the logits after the context. */
  fill(row: Float32Array, context: Context): void {
    const { start, end } = this.#allowed(context.tokens);
    for (let token = 0; token < row.length; token++) {
      const noise = (mix(context.hash + Math.imul(token, 0x9e3779b1)) / 2 ** 32) * spread;
      row[token] = token >= start && token < end ? noise : excluded + noise;
    }
    const next = this.#script.next(context.tokens) ?? this.#begunRarity(context) ?? this.#turn(context);
    if (next !== undefined) row[next] = certain;
  }

  /** Which words may come here. */
  #allowed(tokens: Int32Array): TokenRange {
    const { words, openers, spacedOpeners, bytes } = this.#vocabulary;
    const last = tokens.at(-1)!;
    if (last < bytes.start || last === this.#newline) return openers;
    return last === this.#fullStop ? spacedOpeners : words;
  }

  /** The next byte of a character that is not finished. */
  #begunRarity({ tokens, hash }: Context): number | undefined {
    const { bytes } = this.#vocabulary;
    let begun = "";
    for (let i = tokens.length - 1; i >= 0 && tokens.length - i <= 7; i--) {
      const token = tokens[i]!;
      if (token < bytes.start || token >= bytes.end) break;
      begun = String.fromCharCode(token - bytes.start) + begun;
      if (token === this.#space) break;
    }
    const candidates = begun === "" ? [] : rareBytes.filter((text) => text.startsWith(begun) && text !== begun);
    const chosen = candidates[chance(hash, 1, candidates.length)];
    return chosen === undefined ? undefined : this.#vocabulary.longestAt(chosen, begun.length);
  }

  /** Ends the answer, the sentence, or begins a rarity, now and then. */
  #turn({ tokens, hash }: Context): number | undefined {
    const { words, eosToken } = this.#vocabulary;
    const last = tokens.at(-1)!;
    if (last === this.#fullStop) return chance(hash, 2, 4) === 0 ? eosToken : undefined;
    if (last < words.start) return undefined;
    if (chance(hash, 3, 10) === 0) return this.#fullStop;
    return chance(hash, 4, 30) === 0 ? this.#space : undefined;
  }
}
