import { systemClock } from "../core/clock.ts";
import { vectorFromBase64, type EmbeddingEvent, type EmbeddingRequest, type Embeddings } from "../core/embedding.ts";
import { failure } from "../core/errors.ts";
import type { EmbeddingSubmission } from "./messages.ts";
import type { PendingRequest, Roster } from "./roster.ts";

/** Where a call's request runs. */
type CallSource = Pick<Roster, "submit" | "cancel" | "forget">;

interface CallOptions {
  readonly signal: AbortSignal;
  /** Texts that the engine computes together at most: so many are a trial. */
  readonly textsOfCall: number;
  /** Throws when there is nowhere to run. */
  readonly connect: () => CallSource;
}

/**
 * One request for vectors, whichever engine processes they come from. What came of one that died is kept: the next one
 * computes the rest.
 */
export class EmbeddingCall implements PendingRequest {
  readonly request: EmbeddingRequest;
  readonly #options: CallOptions;
  /** Where the engine still works on it. */
  #source: CallSource | undefined;
  #arrived = 0;
  #submissions = 0;
  /** Vectors that the engine may make before more are granted. */
  #granted = 0;
  #isPrepared = false;
  readonly #vectors: Float32Array[] = [];
  #promptTokens = 0;
  #settle: { resolve: (embeddings: Embeddings) => void; reject: (error: Error) => void } | undefined;

  constructor(request: EmbeddingRequest, options: CallOptions) {
    this.request = request;
    this.#options = options;
  }

  /** Asks, once. */
  async run(): Promise<Embeddings> {
    const { signal, connect } = this.#options;
    if (signal.aborted) throw failure("request_cancelled", undefined);
    const source = connect();
    const onAbort = (): void => {
      source.cancel(this.request.id);
      this.fail(failure("request_cancelled", undefined));
    };
    this.#source = source;
    this.#arrived = this.request.arrived ?? systemClock.now();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await new Promise<Embeddings>((resolve, reject) => {
        this.#settle = { resolve, reject };
        source.submit(this);
      });
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Its inputs are tokens. */
  get admitted(): boolean {
    return this.#isPrepared;
  }

  /** Whoever asks for vectors takes all of them. */
  get credit(): number {
    return this.request.inputs.length - this.#vectors.length;
  }

  get granted(): number {
    return this.#granted;
  }

  get deadline(): number {
    return this.#arrived + (this.request.timeoutMs ?? Infinity);
  }

  /** With all that is left, also on trial: what kills the engine may do it before the first is computed. */
  submission(onTrial: boolean): EmbeddingSubmission {
    this.#granted = Math.min(this.credit, onTrial ? this.#options.textsOfCall : Infinity);
    this.#isPrepared = false;
    const again = this.#submissions++ > 0;
    const request = { ...this.request, inputs: this.request.inputs.slice(this.#vectors.length) };
    const waitedMs = Math.max(0, systemClock.now() - this.#arrived);
    return { type: "embed", request, credit: this.#granted, waitedMs, again };
  }

  grant(): number {
    const more = this.credit - this.#granted;
    this.#granted = this.credit;
    return more;
  }

  deliver(event: EmbeddingEvent): void {
    this.#isPrepared = true;
    if (event.type === "prepared") return;
    const { vectors, tokens } = event;
    this.#granted -= vectors.length;
    this.#promptTokens += tokens;
    this.#vectors.push(...vectors.map(vectorFromBase64));
    if (this.#vectors.length < this.request.inputs.length) return;
    this.#end();
    this.#settle?.resolve({ vectors: this.#vectors, promptTokens: this.#promptTokens });
  }

  fail(error: Error): void {
    this.#end();
    this.#settle?.reject(error);
  }

  #end(): void {
    this.#source?.forget(this.request.id);
    this.#source = undefined;
  }
}
