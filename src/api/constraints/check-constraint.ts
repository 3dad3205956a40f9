import type { Constraint, Expression } from "../../core/constraint.ts";

const mostExpressions = 20_000;
const mostRepetitions = 10_000;

/** What keeps a constraint from being followed, in words; undefined = nothing. */
export function problemOf({ rules }: Constraint): string | undefined {
  const all = rules.flatMap((rule) => [...within(rule)]);
  if (all.length > mostExpressions) return "it is too large";
  if (all.some((one) => one.kind === "character" && one.ranges.length === 0)) return "a set has no characters";
  if (all.some((one) => one.kind === "repeat" && Math.max(one.least, one.most ?? 0) > mostRepetitions))
    return `a count is larger than ${mostRepetitions}`;
  const ends = fixpoint(rules, endsSomewhere);
  if (ends.includes(false)) return "a part of it refers to itself always, so that no answer would end";
  const empty = fixpoint(rules, mayBeEmpty);
  if (all.some((one) => one.kind === "repeat" && counts(one) && mayBeEmpty(one.of, empty)))
    return "something that may be empty is counted";
  return beginsWithItself(rules, empty) ? "a part of it begins with itself" : undefined;
}

function counts({ least, most }: Extract<Expression, { kind: "repeat" }>): boolean {
  return least > 1 || (most ?? 0) > 1;
}

/** An expression and all those in it. */
function* within(expression: Expression): Generator<Expression> {
  yield expression;
  for (const part of partsOf(expression)) yield* within(part);
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "sequence":
      return expression.parts;
    case "choice":
      return expression.options;
    case "repeat":
      return [expression.of];
    case "text":
    case "character":
    case "rule":
  }
  return [];
}

type Property = (expression: Expression, ofRules: readonly boolean[]) => boolean;

/** Which rules have a property that they may have by way of others. */
function fixpoint(rules: readonly Expression[], has: Property): readonly boolean[] {
  const known = rules.map(() => false);
  for (let hasGrown = true; hasGrown;) {
    hasGrown = false;
    // Rules mostly come before those that they refer to.
    for (const [index, rule] of [...rules.entries()].toReversed()) {
      if (known[index]! || !has(rule, known)) continue;
      known[index] = true;
      hasGrown = true;
    }
  }
  return known;
}

function endsSomewhere(expression: Expression, ofRules: readonly boolean[]): boolean {
  const ends = (part: Expression): boolean => endsSomewhere(part, ofRules);
  if (expression.kind === "rule") return ofRules[expression.index]!;
  if (expression.kind === "choice") return expression.options.some(ends);
  if (expression.kind === "repeat" && expression.least === 0) return true;
  return partsOf(expression).every(ends);
}

function mayBeEmpty(expression: Expression, ofRules: readonly boolean[]): boolean {
  const empty = (part: Expression): boolean => mayBeEmpty(part, ofRules);
  switch (expression.kind) {
    case "text":
      return expression.text === "";
    case "character":
      return false;
    case "sequence":
      return expression.parts.every(empty);
    case "choice":
      return expression.options.some(empty);
    case "repeat":
      return expression.least === 0 || empty(expression.of);
    case "rule":
  }
  return ofRules[expression.index]!;
}

/** Some rule leads back to itself before anything was written. */
function beginsWithItself(rules: readonly Expression[], empty: readonly boolean[]): boolean {
  const done = new Set<number>();
  const open = new Set<number>();
  const leads = (expression: Expression): boolean => {
    if (expression.kind === "rule") return visit(expression.index);
    if (expression.kind !== "sequence") return partsOf(expression).some(leads);
    for (const part of expression.parts) {
      if (leads(part)) return true;
      if (!mayBeEmpty(part, empty)) return false;
    }
    return false;
  };
  const visit = (index: number): boolean => {
    if (open.has(index)) return true;
    if (done.has(index)) return false;
    open.add(index);
    const found = leads(rules[index]!);
    open.delete(index);
    done.add(index);
    return found;
  };
  return rules.some((_rule, index) => visit(index));
}
