export interface Matched {
  /** Text that is certainly part of the answer. */
  readonly text: string;
  /** A stop string was completed: the answer ends with `text`. */
  readonly stopped: boolean;
}

/**
 * Ends a text at the first stop string, and never lets out a part of one: what could still become a stop string is held
 * back, at most the longest one's length less one. Where several match, the one that is complete first wins, and of
 * those that end together the longest: so the answer does not depend on how the text was cut.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = "";

  /** `stops`: not empty strings. */
  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  push(text: string): Matched {
    if (this.#stops.length === 0) return { text, stopped: false };
    const all = this.#held + text;
    const match = this.#firstMatch(all);
    const safe = match ?? all.length - this.#heldBack(all);
    this.#held = all.slice(safe);
    return { text: all.slice(0, safe), stopped: match !== undefined };
  }

  /** What was held back, when the text ends without a stop string. */
  flush(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }

  /** Where the stop string begins that is complete first. */
  #firstMatch(all: string): number | undefined {
    const matches = this.#stops
      .map((stop) => ({ begin: all.indexOf(stop), length: stop.length }))
      .filter(({ begin }) => begin >= 0)
      .toSorted((a, b) => a.begin + a.length - (b.begin + b.length) || a.begin - b.begin);
    return matches[0]?.begin;
  }

  /** Length of the longest end of `all` that some stop string begins with. */
  #heldBack(all: string): number {
    return Math.max(...this.#stops.map((stop) => longestOverlap(all, stop)));
  }
}

/** The most characters, short of all, of the beginning of `stop` with which `text` ends. */
function longestOverlap(text: string, stop: string): number {
  let length = Math.min(stop.length - 1, text.length);
  while (length > 0 && !text.endsWith(stop.slice(0, length))) length--;
  return length;
}
