import type { CodePoints, Constraint, Expression } from "../../core/constraint.ts";

export const text = (value: string): Expression => ({ kind: "text", text: value });

export function characters(ranges: readonly CodePoints[]): Expression {
  const [range] = ranges;
  const isOne = ranges.length === 1 && range![0] === range![1];
  return isOne ? text(String.fromCodePoint(range![0])) : { kind: "character", ranges };
}

export function sequence(...parts: readonly Expression[]): Expression {
  const joined: Expression[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part.kind === "text" && last?.kind === "text") joined[joined.length - 1] = text(last.text + part.text);
    else joined.push(part);
  }
  return joined.length === 1 ? joined[0]! : { kind: "sequence", parts: joined };
}

export const choice = (...options: readonly Expression[]): Expression =>
  options.length === 1 ? options[0]! : { kind: "choice", options };

/** Without `most` any number of times. */
export const repeat = (of: Expression, least: number, most?: number): Expression => ({
  kind: "repeat",
  of,
  least,
  ...(most !== undefined && { most }),
});

export const optional = (of: Expression): Expression => repeat(of, 0, 1);

/** `item`, and `separator` between two of it. */
export function list(item: Expression, separator: Expression, [least, most]: readonly [number, number?]): Expression {
  if (most === 0) return text("");
  const rest = repeat(sequence(separator, item), Math.max(0, least - 1), most === undefined ? undefined : most - 1);
  return least === 0 ? optional(sequence(item, rest)) : sequence(item, rest);
}

/** The rules of a constraint in the making. */
export class Rules {
  readonly #rules: (Expression | undefined)[] = [undefined];
  readonly #indices = new Map<unknown, number>();
  #work = 0;

  /** What stands for the rule of that name, a text or an object. It is made when first asked for, and may ask for itself. */
  named(name: unknown, make: () => Expression): Expression {
    let index = this.#indices.get(name);
    if (index === undefined) {
      this.#indices.set(name, (index = this.#rules.push(undefined) - 1));
      this.#rules[index] = make();
    }
    return { kind: "rule", index };
  }

  /** The same for many that ask for each other: none is made within another. */
  namedAll<Name>(names: Iterable<Name>, make: (name: Name) => Expression): void {
    const missing = [...names].filter((name) => !this.#indices.has(name));
    for (const name of missing) this.#indices.set(name, this.#rules.push(undefined) - 1);
    for (const name of missing) this.#rules[this.#indices.get(name)!] = make(name);
  }

  /** What stands for a rule that is not asked for again. */
  own(make: () => Expression): Expression {
    return this.named({}, make);
  }

  /** What stands for a whole constraint, whose rules join these. */
  including(constraint: Constraint): Expression {
    const first = this.#rules.length;
    this.#rules.push(...constraint.rules.map((rule) => shifted(rule, first)));
    return { kind: "rule", index: first };
  }

  /** Counts steps that took to make them; returns how many there were. */
  spend(steps: number): number {
    return (this.#work += steps);
  }

  /** All rules, with the first. */
  complete(root: Expression): Constraint {
    return { rules: [root, ...(this.#rules.slice(1) as Expression[])] };
  }
}

/** With the rules that it refers to so many places further on. */
function shifted(expression: Expression, by: number): Expression {
  const within = (part: Expression): Expression => shifted(part, by);
  switch (expression.kind) {
    case "rule":
      return { kind: "rule", index: expression.index + by };
    case "sequence":
      return { kind: "sequence", parts: expression.parts.map(within) };
    case "choice":
      return { kind: "choice", options: expression.options.map(within) };
    case "repeat":
      return { ...expression, of: within(expression.of) };
    case "text":
    case "character":
  }
  return expression;
}
