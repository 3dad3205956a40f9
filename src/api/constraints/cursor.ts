import { failure } from "../../core/errors.ts";
import { complement, setOf, type CharacterSet } from "./character-set.ts";

/** As JavaScript's regular expressions have them. */
const digits = setOf([0x30, 0x39]);
const wordCharacters = setOf([0x30, 0x39], [0x41, 0x5a], [0x61, 0x7a], "_");
const spaces = setOf([9, 13], " \u00a0\u1680", [0x2000, 0x200a], "\u2028\u2029\u202f\u205f\u3000\ufeff");

const classes: Readonly<Record<string, CharacterSet>> = {
  d: digits,
  D: complement(digits),
  w: wordCharacters,
  W: complement(wordCharacters),
  s: spaces,
  S: complement(spaces),
};
/** More than any answer has characters. */
export const mostRepetitions = 1_000_000;
const controls: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v", "0": "\0" };
const hexDigits: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** A place in the text of a regular expression or grammar, and how both write characters. */
export class Cursor {
  readonly #characters: readonly string[];
  readonly #field: string;
  #at = 0;

  /** `field`: what to name when something is wrong. */
  constructor(text: string, field: string) {
    this.#characters = Array.from(text);
    this.#field = field;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#characters.length;
  }

  peek(ahead = 0): string | undefined {
    return this.#characters[this.#at + ahead];
  }

  /** Steps over the text if it is next. */
  take(text: string): boolean {
    if (!Array.from(text).every((character, ahead) => this.peek(ahead) === character)) return false;
    this.#at += Array.from(text).length;
    return true;
  }

  next(): string {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw this.wrong("it ends too early");
    if (/\p{Surrogate}/u.test(character)) throw this.wrong("it has half of a surrogate pair");
    return character;
  }

  /** All characters from here on that match. */
  takeWhile(pattern: RegExp): string {
    const from = this.#at;
    while (!this.isAtEnd && pattern.test(this.peek()!)) this.#at++;
    return this.#characters.slice(from, this.#at).join("");
  }

  /** What follows a backslash: one character or a class of them. */
  escaped(): CharacterSet {
    const letter = this.next();
    const known = classes[letter];
    if (known !== undefined) return known;
    if (Object.hasOwn(controls, letter)) return setOf(controls[letter]!);
    if (Object.hasOwn(hexDigits, letter)) return setOf(this.#codePoint(letter));
    if (/[\p{L}\p{N}]/u.test(letter)) throw this.wrong(`'\\${letter}' is not known`);
    return setOf(letter);
  }

  /** The same where only one character may stand. */
  escapedCharacter(): CharacterSet {
    const set = this.escaped();
    if (singleOf(set) === undefined) throw this.wrong("a class of characters stands where one is meant");
    return set;
  }

  /** What follows the bracket that opens a set of characters. */
  bracketed(): CharacterSet {
    const isNegated = this.take("^");
    const members: CharacterSet[] = [];
    while (!this.take("]")) {
      const first = this.#member();
      if (this.peek() !== "-" || this.peek(1) === "]") {
        members.push(first);
        continue;
      }
      this.next();
      const [low, high] = [singleOf(first), singleOf(this.#member())];
      if (low === undefined || high === undefined || low > high) throw this.wrong("a range is out of order");
      members.push(setOf([low, high]));
    }
    const inside = setOf(...members.flat());
    const set = isNegated ? complement(inside) : inside;
    if (set.length === 0) throw this.wrong("a set has no characters");
    return set;
  }

  /** What follows the brace that opens a count: `3}`, `3,}`, `3,5}` or `,5}`. */
  count(): { readonly least: number; readonly most: number | undefined } {
    const least = this.takeWhile(/\d/);
    const isRange = this.take(",");
    const most = isRange ? this.takeWhile(/\d/) : least;
    if (!this.take("}") || least + most === "") throw this.wrong("a count is none");
    const count = { least: Number(least), most: most === "" ? undefined : Number(most) };
    if (Math.max(count.least, count.most ?? 0) > mostRepetitions)
      throw this.wrong(`a count is larger than ${mostRepetitions}`);
    if (count.least > (count.most ?? Infinity)) throw this.wrong("a count is out of order");
    return count;
  }

  /** The error of a text that is wrong here. */
  wrong(problem: string): Error {
    const text = this.#characters.slice(0, this.#at).join("");
    const line = text.split("\n").length;
    const place = line > 1 ? `line ${line}` : `character ${this.#at}`;
    return failure("unsupported_field", { field: this.#field, problem: `${problem} (${place})` });
  }

  #member(): CharacterSet {
    if (this.isAtEnd) throw this.wrong("a bracket is not closed");
    const character = this.next();
    if (character !== "\\") return setOf(character);
    return this.take("b") ? setOf("\b") : this.escaped();
  }

  #codePoint(letter: string): string {
    const inBraces = letter === "u" && this.take("{");
    let hex = "";
    for (let left = inBraces ? 6 : hexDigits[letter]!; left > 0 && /[\da-f]/i.test(this.peek() ?? ""); left--)
      hex += this.next();
    const isWhole = inBraces ? hex !== "" && this.take("}") : hex.length === hexDigits[letter];
    const value = Number.parseInt(hex, 16);
    if (!isWhole || value > 0x10ffff) throw this.wrong("a character's number is wrong");
    if (value >= 0xd800 && value <= 0xdfff) throw this.wrong("half of a surrogate pair is no character");
    return String.fromCodePoint(value);
  }
}

function singleOf(set: CharacterSet): number | undefined {
  const [range, ...others] = set;
  return others.length === 0 && range !== undefined && range[0] === range[1] ? range[0] : undefined;
}
