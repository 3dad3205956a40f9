import { complement, setOf, without, type CharacterSet } from "./character-set.ts";

type Node =
  | { readonly kind: "empty" }
  /** One character of these classes. */
  | { readonly kind: "set"; readonly classes: readonly number[] }
  | { readonly kind: "sequence"; readonly first: Language; readonly rest: Language }
  | { readonly kind: "repeat"; readonly of: Language; readonly least: number; readonly most: number }
  /** Of none: no text at all. */
  | { readonly kind: "either"; readonly of: readonly Language[] }
  /** Of none: any text. */
  | { readonly kind: "both"; readonly of: readonly Language[] }
  | { readonly kind: "not"; readonly of: Language };

/** A set of texts. What is written alike is one object. */
export interface Language {
  readonly id: number;
  readonly node: Node;
  /** The empty text is in it. */
  readonly hasEmpty: boolean;
}

/** To cut a class in two takes as long as so many other steps. */
const stepsPerClass = 20;

/**
 * Regular languages with intersection and complement, by derivatives: what is left of a language's texts behind a first
 * character. (Brzozowski, Derivatives of regular expressions, 1964; Owens, Reppy and Turon, Regular-expression derivatives
 * re-examined, 2009.) Characters that no set tells apart are one class.
 */
export class Languages {
  /** Together all characters. */
  readonly classes: readonly CharacterSet[];
  readonly #known = new Map<string, Language>();
  readonly #after = new Map<string, Language>();
  readonly #spend: (steps: number) => void;
  readonly none: Language;
  readonly empty: Language;
  readonly any: Language;

  /** `sets`: those that its languages are made of. `spend` is told of the work, and throws when it is too much. */
  constructor(sets: readonly CharacterSet[], spend: (steps: number) => void) {
    this.#spend = spend;
    this.classes = this.#classesOf(sets);
    this.none = this.#make("none", { kind: "either", of: [] }, false);
    this.empty = this.#make("empty", { kind: "empty" }, true);
    this.any = this.#make("any", { kind: "both", of: [] }, true);
  }

  set(set: CharacterSet): Language {
    return this.#setOf([...this.classes.keys()].filter((index) => contains(set, this.classes[index]![0]![0])));
  }

  sequence(first: Language, rest: Language): Language {
    if (first === this.none || rest === this.none) return this.none;
    if (first === this.empty) return rest;
    if (rest === this.empty) return first;
    // Spread out, what is left behind different characters is more often the same.
    if (first.node.kind === "either") return this.either(first.node.of.map((one) => this.sequence(one, rest)));
    if (first.node.kind === "sequence") return this.sequence(first.node.first, this.sequence(first.node.rest, rest));
    return this.#make(`c${first.id},${rest.id}`, { kind: "sequence", first, rest }, first.hasEmpty && rest.hasEmpty);
  }

  repeat(of: Language, least: number, most = Infinity): Language {
    if (most === 0 || of === this.empty) return this.empty;
    if (of === this.none) return least === 0 ? this.empty : this.none;
    if (least === 1 && most === 1) return of;
    const fewest = of.hasEmpty ? 0 : least;
    return this.#make(`r${of.id},${fewest},${most}`, { kind: "repeat", of, least: fewest, most }, fewest === 0);
  }

  either(languages: readonly Language[]): Language {
    const flat = languages.flatMap((one) => (one.node.kind === "either" ? one.node.of : [one]));
    this.#spend(flat.length);
    if (flat.includes(this.any)) return this.any;
    const classes = flat.flatMap(({ node }) => (node.kind === "set" ? node.classes : []));
    const merged = classes.length === 0 ? [] : [this.#setOf(classes)];
    const of = distinct([...flat.filter(({ node }) => node.kind !== "set"), ...merged]);
    if (of.length <= 1) return of[0] ?? this.none;
    return this.#make(
      `e${ids(of)}`,
      { kind: "either", of },
      of.some((one) => one.hasEmpty),
    );
  }

  both(languages: readonly Language[]): Language {
    const flat = languages.flatMap((one) => (one.node.kind === "both" ? one.node.of : [one]));
    this.#spend(flat.length);
    const of = distinct(flat);
    if (of.includes(this.none)) return this.none;
    if (of.length <= 1) return of[0] ?? this.any;
    return this.#make(
      `b${ids(of)}`,
      { kind: "both", of },
      of.every((one) => one.hasEmpty),
    );
  }

  not(of: Language): Language {
    if (of === this.none) return this.any;
    if (of === this.any) return this.none;
    if (of.node.kind === "not") return of.node.of;
    return this.#make(`n${of.id}`, { kind: "not", of }, !of.hasEmpty);
  }

  /** What its texts that begin with a character of this class go on with. */
  after(language: Language, character: number): Language {
    const key = `${language.id},${character}`;
    let rest = this.#after.get(key);
    if (rest !== undefined) return rest;
    this.#spend(1);
    rest = this.#derivative(language, character);
    this.#after.set(key, rest);
    return rest;
  }

  /** With which characters its texts begin, and what they go on with. */
  steps(language: Language): ReadonlyMap<Language, CharacterSet> {
    const found = new Map<Language, CharacterSet>();
    for (const [index, members] of this.classes.entries()) {
      const next = this.after(language, index);
      if (next !== this.none) found.set(next, setOf(...(found.get(next) ?? []), ...members));
    }
    return found;
  }

  #derivative({ node }: Language, character: number): Language {
    const within = (of: Language): Language => this.after(of, character);
    switch (node.kind) {
      case "empty":
        return this.none;
      case "set":
        return node.classes.includes(character) ? this.empty : this.none;
      case "sequence": {
        const goesOn = this.sequence(within(node.first), node.rest);
        return node.first.hasEmpty ? this.either([goesOn, within(node.rest)]) : goesOn;
      }
      case "repeat": {
        const rest = this.repeat(node.of, Math.max(0, node.least - 1), node.most - 1);
        return this.sequence(within(node.of), rest);
      }
      case "either":
        return this.either(node.of.map(within));
      case "both":
        return this.both(node.of.map(within));
      case "not":
    }
    return this.not(within(node.of));
  }

  /** By cutting the classes there are by each set. */
  #classesOf(sets: readonly CharacterSet[]): readonly CharacterSet[] {
    let classes: readonly CharacterSet[] = [complement([])];
    for (const set of new Map(sets.map((one) => [one.join(";"), one])).values()) {
      this.#spend(stepsPerClass * classes.length);
      const others = complement(set);
      classes = classes.flatMap((one) => [without(one, others), without(one, set)]).filter((one) => one.length > 0);
    }
    return classes;
  }

  #setOf(classes: readonly number[]): Language {
    this.#spend(classes.length);
    const members = [...new Set(classes)].toSorted((a, b) => a - b);
    return members.length === 0
      ? this.none
      : this.#make(`s${members.join()}`, { kind: "set", classes: members }, false);
  }

  #make(key: string, node: Node, hasEmpty: boolean): Language {
    this.#spend(1);
    let language = this.#known.get(key);
    if (language === undefined) this.#known.set(key, (language = { id: this.#known.size, node, hasEmpty }));
    return language;
  }
}

function contains(set: CharacterSet, codePoint: number): boolean {
  return set.some(([first, last]) => first <= codePoint && codePoint <= last);
}

function distinct(languages: readonly Language[]): readonly Language[] {
  return [...new Set(languages)].toSorted((a, b) => a.id - b.id);
}

function ids(languages: readonly Language[]): string {
  return languages.map(({ id }) => id).join();
}
