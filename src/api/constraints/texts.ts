import type { Constraint, Expression } from "../../core/constraint.ts";
import { complement, type CharacterSet } from "./character-set.ts";
import { characters, choice, Rules, sequence, text } from "./expressions.ts";
import type { Language } from "./language.ts";
import { expressionOf, looksAhead, type Pattern } from "./pattern.ts";
import { parseRegex } from "./regex.ts";
import { statesOf } from "./states.ts";

interface TextsOptions {
  readonly rules: Rules;
  /** How a character of a set is written in the answer. */
  readonly write: (set: CharacterSet) => Expression;
  /** What to name if there are none, or too many kinds of them. */
  readonly field: string;
}

/** Texts that a regular expression matches as a whole. Throws `unsupported_field`. */
export function regexConstraint(source: string, field: string): Constraint {
  const rules = new Rules();
  const pattern = parseRegex(source, { field, partial: false });
  return rules.complete(textsOf([pattern], { rules, write: characters, field }));
}

/** Texts that fit all of these patterns. Throws `unsupported_field`. */
export function textsOf(patterns: readonly [Pattern, ...Pattern[]], options: TextsOptions): Expression {
  const [pattern, another] = patterns;
  if (another === undefined && !looksAhead(pattern)) return expressionOf(pattern, options.write);
  const { rules, write, field } = options;
  const { start, steps } = statesOf(patterns, field, (work) => rules.spend(work));
  const sets = new Map<string, Expression>();
  const written = (set: CharacterSet): Expression => {
    const known = sets.get(set.join()) ?? rules.own(() => write(set));
    sets.set(set.join(), known);
    return known;
  };
  const make = (state: Language): Expression => {
    const further = Array.from(steps.get(state)!, ([next, set]) => sequence(written(set), ruleOf(next)));
    return choice(...(state.hasEmpty ? [text("")] : []), ...further);
  };
  const ruleOf = (state: Language): Expression => rules.named(state, () => make(state));
  rules.namedAll(steps.keys(), make);
  return ruleOf(start);
}

/** Any character. */
export const anyCharacter: Pattern = { kind: "set", set: complement([]) };
