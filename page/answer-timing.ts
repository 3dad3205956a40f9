/** Measures one answer as its reader sees it. Times are in ms. */
export class AnswerTiming {
  readonly #begun: number;
  #first: number | undefined;
  #last: number | undefined;
  /** Texts that came; a token whose text was held back comes with a later one. */
  #texts = 0;

  constructor(now: number) {
    this.#begun = now;
  }

  text(now: number): void {
    this.#first ??= now;
    this.#last = now;
    this.#texts++;
  }

  /** "32 tokens · 41.5 tokens/s · first after 120 ms"; "" before the first. `tokens`: as the server counts. */
  describe(tokens?: number): string {
    if (this.#first === undefined || this.#last === undefined) return "";
    const count = tokens ?? this.#texts;
    const seconds = (this.#last - this.#first) / 1000;
    // The first token is the wait's; the rate is of those after it.
    const rate = count > 1 && seconds > 0 ? `${((count - 1) / seconds).toFixed(1)} tokens/s · ` : "";
    const about = tokens === undefined ? "about " : "";
    return `${about}${count} ${count === 1 ? "token" : "tokens"} · ${rate}first after ${duration(this.#first - this.#begun)}`;
  }
}

function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
