import type { Constraint, Expression } from "../../core/constraint.ts";
import { complement, type CharacterSet } from "./character-set.ts";
import { characters, choice, Rules, sequence, text } from "./expressions.ts";
import { Languages, type Language } from "./language.ts";
import { expressionOf, looksAhead, setsIn, type Pattern } from "./pattern.ts";
import { parseRegex } from "./regex.ts";
import { unsupported } from "./schema-place.ts";

/** More would keep the server from others: some 0.1 s. */
const mostWork = 200_000;
/** As many rules as a large schema has. */
const mostStates = 1500;

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
  const { field, rules } = options;
  const sets = patterns.flatMap((one) => [...setsIn(one)]);
  const languages = new Languages(sets, (steps) => {
    if (rules.spend(steps) > mostWork) throw unsupported(field, "to keep to all of it takes too much");
  });
  const all = languages.both(patterns.map((one) => languageOf(one, { languages, rest: languages.empty, field })));
  return asRules(all, languages, options);
}

interface Following {
  readonly languages: Languages;
  /** What stands behind it, up to the end of the text. */
  readonly rest: Language;
  readonly field: string;
}

function languageOf(pattern: Pattern, following: Following): Language {
  const { languages, rest, field } = following;
  const alone = { ...following, rest: languages.empty };
  switch (pattern.kind) {
    case "set":
      return languages.sequence(languages.set(pattern.set), rest);
    case "sequence":
      return pattern.parts.reduceRight((behind, part) => languageOf(part, { ...following, rest: behind }), rest);
    case "choice":
      return languages.either(pattern.options.map((option) => languageOf(option, following)));
    case "repeat": {
      const { of, least, most } = pattern;
      if (!looksAhead(of)) return languages.sequence(languages.repeat(languageOf(of, alone), least, most), rest);
      if (most !== 1) throw unsupported(field, "what looks ahead cannot be repeated");
      return languages.either([languageOf(of, following), ...(least === 0 ? [rest] : [])]);
    }
    case "ahead":
  }
  const found = languageOf(pattern.of, alone);
  return languages.both([pattern.isNot ? languages.not(found) : found, rest]);
}

/** A rule for each state of its automaton from which a text can end. */
function asRules(language: Language, languages: Languages, { rules, write, field }: TextsOptions): Expression {
  const states = new Map<Language, ReadonlyMap<Language, CharacterSet>>();
  for (const work = [language]; work.length > 0;) {
    const state = work.pop()!;
    if (states.has(state)) continue;
    if (states.size >= mostStates) throw unsupported(field, "to keep to all of it takes too much");
    const steps = languages.steps(state);
    states.set(state, steps);
    work.push(...steps.keys());
  }
  const live = liveOf(states);
  if (!live.has(language)) throw unsupported(field, "there is no text that fits all of it");
  const sets = new Map<string, Expression>();
  const written = (set: CharacterSet): Expression => {
    const known = sets.get(set.join()) ?? rules.own(() => write(set));
    sets.set(set.join(), known);
    return known;
  };
  const ruleOf = (state: Language): Expression =>
    rules.named(state, () => {
      const steps = [...states.get(state)!].filter(([next]) => live.has(next));
      const options = steps.map(([next, set]) => sequence(written(set), ruleOf(next)));
      return choice(...(state.hasEmpty ? [text("")] : []), ...options);
    });
  return ruleOf(language);
}

/** Those from which a text can end. */
function liveOf(states: ReadonlyMap<Language, ReadonlyMap<Language, CharacterSet>>): ReadonlySet<Language> {
  const before = new Map<Language, Language[]>();
  for (const [state, steps] of states)
    for (const next of steps.keys()) before.set(next, [...(before.get(next) ?? []), state]);
  const live = new Set<Language>();
  for (const work = [...states.keys()].filter(({ hasEmpty }) => hasEmpty); work.length > 0;) {
    const state = work.pop()!;
    if (live.has(state)) continue;
    live.add(state);
    work.push(...(before.get(state) ?? []));
  }
  return live;
}

/** Any character. */
export const anyCharacter: Pattern = { kind: "set", set: complement([]) };
