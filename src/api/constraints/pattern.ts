import type { Expression } from "../../core/constraint.ts";
import type { CharacterSet } from "./character-set.ts";
import { choice, repeat, sequence } from "./expressions.ts";

/** A regular expression. */
export type Pattern =
  /** One character of these. */
  | { readonly kind: "set"; readonly set: CharacterSet }
  | { readonly kind: "sequence"; readonly parts: readonly Pattern[] }
  | { readonly kind: "choice"; readonly options: readonly Pattern[] }
  /** Without `most` any number of times. */
  | { readonly kind: "repeat"; readonly of: Pattern; readonly least: number; readonly most: number | undefined }
  /** Nothing, where all that follows is (or is not) such a text. */
  | { readonly kind: "ahead"; readonly of: Pattern; readonly isNot: boolean };

/** The same as an expression, in which `write` tells how a character is written. Of patterns that look ahead there is none. */
export function expressionOf(pattern: Pattern, write: (set: CharacterSet) => Expression): Expression {
  const within = (part: Pattern): Expression => expressionOf(part, write);
  switch (pattern.kind) {
    case "set":
      return write(pattern.set);
    case "sequence":
      return sequence(...pattern.parts.map(within));
    case "choice":
      return choice(...pattern.options.map(within));
    case "repeat":
      return repeat(within(pattern.of), pattern.least, pattern.most);
    case "ahead":
  }
  throw new Error("it looks ahead");
}

/** A pattern and all those in it. */
function* within(pattern: Pattern): Generator<Pattern> {
  yield pattern;
  const parts = pattern.kind === "sequence" ? pattern.parts : pattern.kind === "choice" ? pattern.options : [];
  for (const part of pattern.kind === "repeat" || pattern.kind === "ahead" ? [pattern.of] : parts) yield* within(part);
}

export function looksAhead(pattern: Pattern): boolean {
  return [...within(pattern)].some(({ kind }) => kind === "ahead");
}

export function setsIn(pattern: Pattern): readonly CharacterSet[] {
  return [...within(pattern)].flatMap((one) => (one.kind === "set" ? [one.set] : []));
}

/** How many characters its texts have, at least and at most. What looks ahead may leave fewer of them. */
export function lengthsOf(pattern: Pattern): readonly [least: number, most: number] {
  switch (pattern.kind) {
    case "set":
      return [1, 1];
    case "sequence":
      return pattern.parts.map(lengthsOf).reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
    case "choice":
      return pattern.options.map(lengthsOf).reduce(([a, b], [c, d]) => [Math.min(a, c), Math.max(b, d)]);
    case "repeat": {
      const [least, most] = lengthsOf(pattern.of);
      const times = pattern.most ?? Infinity;
      return [least * pattern.least, times === 0 || most === 0 ? 0 : most * times];
    }
    case "ahead":
  }
  return [0, 0];
}
