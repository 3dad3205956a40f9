import type { CharacterSet } from "./character-set.ts";
import { Languages, type Language } from "./language.ts";
import { looksAhead, setsIn, type Pattern } from "./pattern.ts";
import { unsupported } from "./schema-place.ts";

/** More steps would keep the server from others: some 0.1 s. */
const mostWork = 200_000;
/** As many rules as a large schema has. */
const mostStates = 1500;
/** Kept for requests to come, the latest used. */
const mostKept = 20_000;

/** What a text may be behind each of its beginnings that can still end well. */
interface States {
  readonly start: Language;
  /** From each state to others, by the next character. */
  readonly steps: ReadonlyMap<Language, ReadonlyMap<Language, CharacterSet>>;
  /** What it took to find them. */
  readonly work: number;
}

const kept = new Map<string, States>();

/**
 * The states of the automaton of texts that fit all of these patterns. `spend` counts the work; the sum that it returns is
 * bounded, whether or not the states were there. Throws `unsupported_field` where there are none, or too many.
 */
export function statesOf(patterns: readonly Pattern[], field: string, spend: (work: number) => number): States {
  const key = JSON.stringify(patterns);
  const tooMuch = () => unsupported(field, "to keep to all of it takes too much");
  const known = kept.get(key);
  if (known !== undefined && spend(known.work) > mostWork) throw tooMuch();
  const states = known ?? explore(patterns, { field, spend, tooMuch });
  kept.delete(key);
  kept.set(key, states);
  let size = 0;
  for (const [other, { steps }] of [...kept].toReversed()) if ((size += steps.size) > mostKept) kept.delete(other);
  return states;
}

interface Exploring {
  readonly field: string;
  readonly spend: (work: number) => number;
  readonly tooMuch: () => Error;
}

function explore(patterns: readonly Pattern[], { field, spend, tooMuch }: Exploring): States {
  let work = 0;
  const languages = new Languages(patterns.flatMap(setsIn), (steps) => {
    work += steps;
    if (spend(steps) > mostWork) throw tooMuch();
  });
  const start = languages.both(patterns.map((one) => languageOf(one, { languages, rest: languages.empty, field })));
  const all = new Map<Language, ReadonlyMap<Language, CharacterSet>>();
  for (const open = [start]; open.length > 0;) {
    const state = open.pop()!;
    if (all.has(state)) continue;
    if (all.size >= mostStates) throw tooMuch();
    const steps = languages.steps(state);
    all.set(state, steps);
    open.push(...steps.keys());
  }
  const live = liveOf(all);
  if (!live.has(start)) throw unsupported(field, "there is no text that fits all of it");
  const steps = [...live].map(
    (state) => [state, new Map([...all.get(state)!].filter(([next]) => live.has(next)))] as const,
  );
  return { start, steps: new Map(steps), work };
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

/** Those from which a text can end. */
function liveOf(states: ReadonlyMap<Language, ReadonlyMap<Language, CharacterSet>>): ReadonlySet<Language> {
  const before = new Map<Language, Language[]>(Array.from(states.keys(), (state) => [state, []]));
  for (const [state, steps] of states) for (const next of steps.keys()) before.get(next)!.push(state);
  const live = new Set<Language>();
  for (const open = [...states.keys()].filter(({ hasEmpty }) => hasEmpty); open.length > 0;) {
    const state = open.pop()!;
    if (live.has(state)) continue;
    live.add(state);
    open.push(...before.get(state)!);
  }
  return live;
}
