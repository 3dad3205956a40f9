import type { Constraint, Expression } from "../../core/constraint.ts";
import { complement, setOf } from "./character-set.ts";
import { Cursor } from "./cursor.ts";
import { characters, choice, repeat, sequence } from "./expressions.ts";

const name = /[\w-]/;
const mostNested = 50;

/**
 * A grammar as llama.cpp writes them (GBNF), which is close to the EBNF of the W3C: rules `name ::= …` of "literals", [sets],
 * `.`, groups, `|`, `* + ?` and `{2,5}`, with comments behind `#`. The answer is the rule `root`. Throws
 * `unsupported_field`.
 */
export function parseGrammar(source: string, field: string): Constraint {
  return new GrammarParser(source, field).parse();
}

class GrammarParser {
  readonly #cursor: Cursor;
  readonly #bodies = new Map<string, Expression>();
  readonly #indices = new Map<string, number>([["root", 0]]);
  #depth = 0;

  constructor(source: string, field: string) {
    this.#cursor = new Cursor(source, field);
  }

  parse(): Constraint {
    const cursor = this.#cursor;
    for (this.#skip(); !cursor.isAtEnd;) {
      const rule = cursor.takeWhile(name);
      this.#skip();
      if (rule === "" || !cursor.take("::=")) throw cursor.wrong("a rule begins with its name and '::='");
      if (this.#bodies.has(rule)) throw cursor.wrong(`there are two rules '${rule}'`);
      this.#indexOf(rule);
      this.#bodies.set(rule, this.#alternatives());
    }
    const rules = [...this.#indices.keys()].map((rule) => {
      const body = this.#bodies.get(rule);
      if (body === undefined) throw cursor.wrong(`there is no rule '${rule}'`);
      return body;
    });
    return { rules };
  }

  #alternatives(): Expression {
    if (++this.#depth > mostNested) throw this.#cursor.wrong(`more than ${mostNested} groups are in each other`);
    const options: Expression[] = [];
    do options.push(this.#sequence());
    while (this.#cursor.take("|"));
    this.#depth--;
    return choice(...options);
  }

  #sequence(): Expression {
    const parts: Expression[] = [];
    for (this.#skip(); !this.#isOver(); this.#skip()) parts.push(this.#repeated(this.#atom()));
    return sequence(...parts);
  }

  /** At the end of an alternative, or where the next rule begins. */
  #isOver(): boolean {
    const cursor = this.#cursor;
    if (cursor.isAtEnd || "|)".includes(cursor.peek()!)) return true;
    let ahead = 0;
    while (name.test(cursor.peek(ahead) ?? "")) ahead++;
    if (ahead === 0) return false;
    while (/\s/.test(cursor.peek(ahead) ?? "")) ahead++;
    return cursor.peek(ahead) === ":" && cursor.peek(ahead + 1) === ":" && cursor.peek(ahead + 2) === "=";
  }

  #repeated(of: Expression): Expression {
    const cursor = this.#cursor;
    let repeated = of;
    for (let times = 0; ; times++) {
      if (times > mostNested) throw cursor.wrong(`more than ${mostNested} repetitions of each other`);
      this.#skipSpaces();
      if (cursor.take("*")) repeated = repeat(repeated, 0);
      else if (cursor.take("+")) repeated = repeat(repeated, 1);
      else if (cursor.take("?")) repeated = repeat(repeated, 0, 1);
      else if (cursor.take("{")) {
        const { least, most } = cursor.count();
        repeated = repeat(repeated, least, most);
      } else return repeated;
    }
  }

  #atom(): Expression {
    const cursor = this.#cursor;
    const rule = cursor.takeWhile(name);
    if (rule !== "") return { kind: "rule", index: this.#indexOf(rule) };
    const character = cursor.next();
    if (character === '"' || character === "'") return this.#literal(character);
    if (character === "[") return characters(cursor.bracketed());
    if (character === ".") return characters(complement([]));
    if (character !== "(") throw cursor.wrong(`'${character}' cannot stand here`);
    const inside = this.#alternatives();
    if (!cursor.take(")")) throw cursor.wrong("a '(' is not closed");
    return inside;
  }

  #literal(quote: string): Expression {
    const cursor = this.#cursor;
    const parts: Expression[] = [];
    while (!cursor.take(quote)) {
      const character = cursor.next();
      parts.push(characters(character === "\\" ? cursor.escapedCharacter() : setOf(character)));
    }
    return sequence(...parts);
  }

  /** Rules may be named before they are there. */
  #indexOf(rule: string): number {
    const index = this.#indices.get(rule) ?? this.#indices.size;
    this.#indices.set(rule, index);
    return index;
  }

  #skip(): void {
    do this.#skipSpaces();
    while (this.#cursor.takeWhile(/\s/) !== "");
  }

  /** And comments, which reach to the end of their line. */
  #skipSpaces(): void {
    this.#cursor.takeWhile(/[ \t]/);
    if (this.#cursor.take("#")) this.#cursor.takeWhile(/[^\n]/);
  }
}
