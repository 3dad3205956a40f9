import type { Expression } from "../../core/constraint.ts";
import { intersection, setOf, without, type CharacterSet } from "./character-set.ts";
import { characters, choice, list, optional, repeat, sequence, text, type Rules } from "./expressions.ts";

/*
 * How JSON is written in constrained answers: on one line, with one space behind each comma and colon (as Python's json.dumps
 * does). With one way to write it, all that lies between two values is certain, and a model cannot lose itself in spaces.
 */

export const comma = text(", ");
export const colon = text(": ");
const quote = text('"');

const shortEscapes: Readonly<Record<string, string>> = { "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t" };
const mustBeEscaped = setOf([0, 0x1f], '"\\');
const hexDigit = characters(setOf([0x30, 0x39], [0x41, 0x46], [0x61, 0x66]));

/** A character of a set, inside a string: as it is where that may be, else escaped in the shortest way. */
export function writeInString(set: CharacterSet): Expression {
  const plain = without(set, mustBeEscaped);
  const escaped = intersection(set, mustBeEscaped).flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, at) => escape(String.fromCodePoint(first + at))),
  );
  return choice(...(plain.length === 0 ? [] : [characters(plain)]), ...escaped);
}

function escape(character: string): Expression {
  if (character === '"' || character === "\\") return text(`\\${character}`);
  const code = character.charCodeAt(0).toString(16).padStart(4, "0");
  return text(`\\${shortEscapes[character] ?? `u${code}`}`);
}

/** Any character in a string, in any way to write it, but for surrogates: each is one, however lengths are counted. */
const character = choice(
  characters(without(setOf([0, 0x10ffff]), mustBeEscaped)),
  sequence(
    text("\\"),
    choice(
      characters(setOf('"\\/bfnrt')),
      sequence(
        text("u"),
        choice(
          sequence(characters(setOf([0x30, 0x39], "abcefABCEF")), repeat(hexDigit, 3, 3)),
          sequence(characters(setOf("dD")), characters(setOf([0x30, 0x37])), repeat(hexDigit, 2, 2)),
        ),
      ),
    ),
  ),
);

export const inQuotes = (content: Expression): Expression => sequence(quote, content, quote);

/** A string of so many characters. */
export function string(rules: Rules, least = 0, most?: number): Expression {
  return inQuotes(
    repeat(
      rules.named("character", () => character),
      least,
      most,
    ),
  );
}

export const digit = (first = 0, last = 9): Expression => characters(setOf([0x30 + first, 0x30 + last]));

/** Up to 15 digits: more a double cannot tell apart. */
export const mostDigits = 15;
const integer = sequence(
  optional(text("-")),
  choice(text("0"), sequence(digit(1), repeat(digit(), 0, mostDigits - 1))),
);
const fraction = sequence(text("."), repeat(digit(), 1, mostDigits));
const exponent = sequence(characters(setOf("eE")), optional(characters(setOf("+-"))), repeat(digit(), 1, 2));

export const anyInteger = (rules: Rules): Expression => rules.named("integer", () => integer);
export const anyNumber = (rules: Rules): Expression =>
  rules.named("number", () => sequence(integer, optional(fraction), optional(exponent)));

export const boolean = choice(text("true"), text("false"));

/** An object with any keys. */
export function dictionary(rules: Rules, value: Expression): Expression {
  return sequence(text("{"), list(sequence(string(rules), colon, value), comma, [0]), text("}"));
}

export function array(item: Expression, least: number, most?: number): Expression {
  return sequence(text("["), list(item, comma, [least, most]), text("]"));
}

const anyObject = (rules: Rules): Expression => rules.named("object", () => dictionary(rules, anyValue(rules)));

export const anyValue = (rules: Rules): Expression =>
  rules.named("value", () =>
    choice(anyObject(rules), array(anyValue(rules), 0), string(rules), anyNumber(rules), boolean, text("null")),
  );

/** A value as it is written. */
export function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, one]) => `${JSON.stringify(key)}: ${literal(one)}`)
    .join(", ")}}`;
}
