import { SourceProblem } from "./source-problem.ts";

/** How long a server may take to begin an answer, and to send the next piece. Without network nobody waits long. */
export interface Patience {
  readonly answerMs: number;
  readonly stallMs: number;
}

export const defaultPatience: Patience = { answerMs: 5000, stallMs: 30_000 };

/** What one pull does over the network: ends with the caller's signal, a missed deadline, or at the end of its scope. */
export class Connection implements Disposable {
  readonly #host: string;
  readonly #outer: AbortSignal;
  readonly #controller = new AbortController();
  readonly #onAbort = () => this.#controller.abort(this.#outer.reason);
  #timer: NodeJS.Timeout | undefined;
  /** The deadline that was missed. */
  problem: SourceProblem | undefined;
  /** The hub's own word for what is wrong, of the last answer that was an error. */
  errorCode: string | undefined;

  constructor(url: string, outer: AbortSignal) {
    this.#host = new URL(url).host;
    this.#outer = outer;
    outer.throwIfAborted();
    outer.addEventListener("abort", this.#onAbort, { once: true });
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, { ...init, signal: this.#controller.signal });
    if (!response.ok) this.errorCode = response.headers.get("x-error-code") ?? undefined;
    return response;
  };

  /** The next sign of life must come within `ms`. */
  expect(ms: number, what: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.problem = new SourceProblem(`${this.#host} ${what} within ${ms / 1000} s`);
      this.#controller.abort(this.problem);
    }, ms);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#onAbort);
    this.#controller.abort();
  }
}
