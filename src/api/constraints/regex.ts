import { complement, setOf, type CharacterSet } from "./character-set.ts";
import { Cursor } from "./cursor.ts";
import type { Pattern } from "./pattern.ts";
import { unsupported } from "./schema-place.ts";

const lineEnds = setOf("\n\r\u2028\u2029");
const mostNested = 50;
const mostCharacters = 4096;

const anything: Pattern = { kind: "repeat", of: { kind: "set", set: complement([]) }, least: 0, most: undefined };

interface RegexOptions {
  /** What to name when something is wrong. */
  readonly field: string;
  /** It may match a part of the text, as in JSON schemas; else it is about all of it. */
  readonly partial: boolean;
}

/** A regular expression as JavaScript knows them with the flag `u`, without what looks back. Throws `unsupported_field`. */
export function parseRegex(source: string, { field, partial }: RegexOptions): Pattern {
  if (source.length > mostCharacters)
    throw unsupported(field, `it has ${source.length} characters; at most ${mostCharacters} can be enforced`);
  return new RegexParser(source, field).parse(partial);
}

class RegexParser {
  readonly #cursor: Cursor;
  #depth = 0;

  constructor(source: string, field: string) {
    this.#cursor = new Cursor(source, field);
  }

  parse(partial: boolean): Pattern {
    const cursor = this.#cursor;
    const options: Pattern[] = [];
    do {
      const begins = cursor.take("^");
      const middle = this.#sequence();
      const ends = cursor.take("$");
      const [before, behind] = [begins ? [] : [anything], ends ? [] : [anything]];
      options.push(partial ? sequence(...before, middle, ...behind) : middle);
    } while (cursor.take("|"));
    if (!cursor.isAtEnd)
      throw cursor.wrong(cursor.peek() === ")" ? "a ')' closes nothing" : "'^' and '$' can only be at the ends");
    return choice(...options);
  }

  /** Of a group; of one that looks ahead each may say that the text ends there. */
  #alternatives(isAhead = false): Pattern {
    if (++this.#depth > mostNested) throw this.#cursor.wrong(`more than ${mostNested} groups are in each other`);
    const options: Pattern[] = [];
    do {
      const option = this.#sequence();
      options.push(isAhead && !this.#cursor.take("$") ? sequence(option, anything) : option);
    } while (this.#cursor.take("|"));
    this.#depth--;
    return choice(...options);
  }

  #sequence(): Pattern {
    const parts: Pattern[] = [];
    for (let next = this.#cursor.peek(); next !== undefined && !"|)$".includes(next); next = this.#cursor.peek())
      parts.push(this.#repeated(this.#atom()));
    return sequence(...parts);
  }

  #repeated(of: Pattern): Pattern {
    const cursor = this.#cursor;
    const count = this.#quantifier();
    if (count === undefined) return of;
    cursor.take("?"); // it decides which of several matches is found, not what matches
    if ("*+?{".includes(cursor.peek() ?? " ")) throw cursor.wrong("a repetition is repeated");
    return { kind: "repeat", of, ...count };
  }

  #quantifier(): { readonly least: number; readonly most: number | undefined } | undefined {
    if (this.#cursor.take("*")) return { least: 0, most: undefined };
    if (this.#cursor.take("+")) return { least: 1, most: undefined };
    if (this.#cursor.take("?")) return { least: 0, most: 1 };
    return this.#cursor.take("{") ? this.#cursor.count() : undefined;
  }

  #atom(): Pattern {
    const cursor = this.#cursor;
    const character = cursor.next();
    if (character === "(") return this.#group();
    if (character === "[") return oneOf(cursor.bracketed());
    if (character === ".") return oneOf(complement(lineEnds));
    if (character === "\\") {
      if (/[bBpPkcC1-9]/.test(cursor.peek() ?? "")) throw cursor.wrong(`'\\${cursor.peek()}' cannot be enforced`);
      return oneOf(cursor.escaped());
    }
    if (character === "^") throw cursor.wrong("'^' can only be at the beginning");
    if ("*+?{}]".includes(character))
      throw cursor.wrong(`'${character}' has nothing to stand for; write '\\${character}'`);
    return oneOf(setOf(character));
  }

  #group(): Pattern {
    const cursor = this.#cursor;
    const isAhead = cursor.take("?=");
    const isNotAhead = !isAhead && cursor.take("?!");
    if (!isAhead && !isNotAhead && cursor.take("?") && !cursor.take(":")) {
      const isNamed = cursor.take("<") && cursor.takeWhile(/[\w$]/) !== "" && cursor.take(">");
      if (!isNamed) throw cursor.wrong("what looks behind, or changes flags, cannot be enforced");
    }
    const inside = this.#alternatives(isAhead || isNotAhead);
    if (cursor.peek() === "$") throw cursor.wrong("'$' can only be at the end");
    if (!cursor.take(")")) throw cursor.wrong("a '(' is not closed");
    return isAhead || isNotAhead ? { kind: "ahead", of: inside, isNot: isNotAhead } : inside;
  }
}

const oneOf = (set: CharacterSet): Pattern => ({ kind: "set", set });
const sequence = (...parts: readonly Pattern[]): Pattern =>
  parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
const choice = (...options: readonly Pattern[]): Pattern =>
  options.length === 1 ? options[0]! : { kind: "choice", options };
