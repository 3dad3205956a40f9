import type { Constraint, Expression } from "../../core/constraint.ts";

const mostExpressions = 20_000;
/** Deeper ones threads cannot tell each other. */
const mostNested = 500;
/** Characters of its texts, and ranges of its sets. */
const mostText = 262_144;

/** What keeps a constraint from being followed, in words; undefined = nothing. */
export function problemOf({ rules }: Constraint): string | undefined {
  const all = expressionsIn(rules);
  if (all === undefined) return "it is too large";
  const ends = fixpoint(rules, endsSomewhere);
  if (ends.includes(false)) return "a part of it refers to itself always, so that no answer would end";
  const empty = fixpoint(rules, mayBeEmpty);
  if (all.some((one) => one.kind === "repeat" && counts(one) && mayBeEmpty(one.of, empty)))
    return "something that may be empty is counted";
  return beginsWithItself(rules, empty) ? "a part of it begins with itself" : undefined;
}

/** Undefined if they are too many, too large, or too deep in each other. */
function expressionsIn(rules: readonly Expression[]): readonly Expression[] | undefined {
  const all: Expression[] = [];
  let size = 0;
  const work = rules.map((expression) => ({ expression, depth: 1 }));
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const { expression, depth } = next;
    if (expression.kind === "text") size += expression.text.length;
    if (expression.kind === "character") size += expression.ranges.length;
    if (all.push(expression) > mostExpressions || size > mostText || depth > mostNested) return undefined;
    for (const part of partsOf(expression)) work.push({ expression: part, depth: depth + 1 });
  }
  return all;
}

function counts({ least, most }: Extract<Expression, { kind: "repeat" }>): boolean {
  return least > 1 || (most ?? 0) > 1;
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
  const users = usersOf(rules);
  // Rules mostly come before those that they refer to.
  const work = new Set([...rules.keys()].toReversed());
  for (const index of work) {
    work.delete(index); // whoever is added again comes up again
    if (known[index]! || !has(rules[index]!, known)) continue;
    known[index] = true;
    for (const user of users[index]!) work.add(user);
  }
  return known;
}

/** Of each rule those that refer to it. */
function usersOf(rules: readonly Expression[]): readonly ReadonlySet<number>[] {
  const users = rules.map(() => new Set<number>());
  const note = (expression: Expression, user: number): void => {
    if (expression.kind === "rule") users[expression.index]!.add(user);
    for (const part of partsOf(expression)) note(part, user);
  };
  for (const [user, rule] of rules.entries()) note(rule, user);
  return users;
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
  const leadsTo = rules.map((rule) => new Set(firstRules(rule, empty)));
  const before = rules.map(() => 0);
  for (const next of leadsTo) for (const index of next) before[index]!++;
  // Whatever nothing leads to is taken away, again and again: what is left leads in circles.
  const work = [...before.keys()].filter((index) => before[index] === 0);
  let taken = 0;
  for (let index = work.pop(); index !== undefined; index = work.pop(), taken++)
    for (const next of leadsTo[index]!) if (--before[next]! === 0) work.push(next);
  return taken < rules.length;
}

/** Those that may come first in it. */
function* firstRules(expression: Expression, empty: readonly boolean[]): Generator<number> {
  if (expression.kind === "rule") yield expression.index;
  for (const part of partsOf(expression)) {
    yield* firstRules(part, empty);
    if (expression.kind === "sequence" && !mayBeEmpty(part, empty)) return;
  }
}
