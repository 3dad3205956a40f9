import type { Expression } from "../../core/constraint.ts";
import { complement, setOf, type CharacterSet } from "./character-set.ts";
import { Cursor } from "./cursor.ts";
import { characters, choice, repeat, sequence } from "./expressions.ts";

const lineEnds = setOf("\n\r\u2028\u2029");
const mostNested = 50;

interface RegexOptions {
  /** What to name when something is wrong. */
  readonly field: string;
  /** It may match a part of the text, as in JSON schemas; else it is about all of it. */
  readonly partial: boolean;
  /** How a character of a set is written in the answer; default: as it is. */
  readonly write?: (set: CharacterSet) => Expression;
}

/** A regular expression as JavaScript knows them with the flag `u`, without what looks around or back. Throws `unsupported_field`. */
export function parseRegex(source: string, options: RegexOptions): Expression {
  return new RegexParser(source, options).parse();
}

class RegexParser {
  readonly #cursor: Cursor;
  readonly #partial: boolean;
  readonly #write: (set: CharacterSet) => Expression;
  #depth = 0;

  constructor(source: string, { field, partial, write = characters }: RegexOptions) {
    this.#cursor = new Cursor(source, field);
    this.#partial = partial;
    this.#write = write;
  }

  parse(): Expression {
    const cursor = this.#cursor;
    const alternatives: Expression[] = [];
    const anything = repeat(this.#write(complement([])), 0);
    do {
      const begins = cursor.take("^");
      const middle = this.#sequence();
      const ends = cursor.take("$");
      if (!this.#partial) alternatives.push(middle);
      else alternatives.push(sequence(...(begins ? [] : [anything]), middle, ...(ends ? [] : [anything])));
    } while (cursor.take("|"));
    if (!cursor.isAtEnd)
      throw cursor.wrong(cursor.peek() === ")" ? "a ')' closes nothing" : "'^' and '$' can only be at the ends");
    return choice(...alternatives);
  }

  #alternatives(): Expression {
    if (++this.#depth > mostNested) throw this.#cursor.wrong(`more than ${mostNested} groups are in each other`);
    const options = [this.#sequence()];
    while (this.#cursor.take("|")) options.push(this.#sequence());
    this.#depth--;
    return choice(...options);
  }

  #sequence(): Expression {
    const parts: Expression[] = [];
    for (let next = this.#cursor.peek(); next !== undefined && !"|)$".includes(next); next = this.#cursor.peek())
      parts.push(this.#repeated(this.#atom()));
    return sequence(...parts);
  }

  #repeated(of: Expression): Expression {
    const cursor = this.#cursor;
    const count = this.#quantifier();
    if (count === undefined) return of;
    cursor.take("?"); // it decides which of several matches is found, not what matches
    if ("*+?{".includes(cursor.peek() ?? " ")) throw cursor.wrong("a repetition is repeated");
    return repeat(of, count.least, count.most);
  }

  #quantifier(): { readonly least: number; readonly most: number | undefined } | undefined {
    if (this.#cursor.take("*")) return { least: 0, most: undefined };
    if (this.#cursor.take("+")) return { least: 1, most: undefined };
    if (this.#cursor.take("?")) return { least: 0, most: 1 };
    return this.#cursor.take("{") ? this.#cursor.count() : undefined;
  }

  #atom(): Expression {
    const cursor = this.#cursor;
    const character = cursor.next();
    if (character === "(") return this.#group();
    if (character === "[") return this.#write(cursor.bracketed());
    if (character === ".") return this.#write(complement(lineEnds));
    if (character === "\\") {
      if (/[bBpPkcC1-9]/.test(cursor.peek() ?? "")) throw cursor.wrong(`'\\${cursor.peek()}' cannot be enforced`);
      return this.#write(cursor.escaped());
    }
    if (character === "^") throw cursor.wrong("'^' can only be at the beginning");
    if ("*+?{}]".includes(character))
      throw cursor.wrong(`'${character}' has nothing to stand for; write '\\${character}'`);
    return this.#write(setOf(character));
  }

  #group(): Expression {
    const cursor = this.#cursor;
    if (cursor.take("?") && !cursor.take(":")) {
      const isNamed = cursor.take("<") && cursor.takeWhile(/[\w$]/) !== "" && cursor.take(">");
      if (!isNamed) throw cursor.wrong("what looks ahead or behind cannot be enforced");
    }
    const inside = this.#alternatives();
    if (!cursor.take(")")) throw cursor.wrong("a '(' is not closed");
    return inside;
  }
}
