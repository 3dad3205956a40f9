import { systemClock, type Clock } from "../core/clock.ts";
import { shortened, vectorToBase64, type EmbeddingEvent, type EmbeddingRequest } from "../core/embedding.ts";
import { failure, type ErrorBody, type MillraceError } from "../core/errors.ts";
import type { Scheduling } from "../core/scheduling.ts";
import type { Embedder } from "../engine/embedder.ts";
import { Idle, nextTurn } from "../scheduler/idle.ts";
import type { StepReport, StepWatch } from "../scheduler/step-loop.ts";
import { ThreadGovernor } from "../scheduler/thread-governor.ts";
import { EmbeddingQueue, tokensOf, type CallPart } from "./embedding-queue.ts";

/** A request whose inputs are tokens: nothing that takes long is left to do but the calls. */
export interface PreparedTexts {
  readonly request: EmbeddingRequest;
  readonly texts: readonly Int32Array[];
  /** Texts that may be computed before more are granted. */
  readonly credit: number;
  /** Since the request arrived, in ms. */
  readonly waitedMs: number;
  /** Another process had it, and has died: what was promised is not refused. */
  readonly again: boolean;
}

/** What one request has to say after a call: vectors, or the error that ends it. */
type TextsEvent =
  | { readonly id: string; readonly event: EmbeddingEvent }
  | { readonly id: string; readonly error: ErrorBody };

export interface EmbeddingLoopOptions {
  readonly scheduling: Scheduling;
  readonly clock?: Clock;
  readonly watch?: StepWatch;
  /** Gets the events of one call at once; without a report they are older than the next call. */
  readonly onStep: (events: readonly TextsEvent[], report: StepReport | undefined) => void;
}

/** How fast the measured time per token follows. */
const costWeight = 0.2;
/** Calls of so many tokens or more take the same time per token, or nearly: they are compared with each other. */
const comparableTokens = 64;

/** What `Inference` is for an engine that generates: the life of requests between their tokens and their vectors. */
export class EmbeddingLoop {
  readonly #embedder: Embedder;
  readonly #options: EmbeddingLoopOptions;
  readonly #clock: Clock;
  readonly #queue: EmbeddingQueue;
  #maxQueuedTokens: number;
  readonly #governor: ThreadGovernor;
  #threads: number;
  /** Of the last calls; 0 = nothing was computed yet. */
  #msPerToken = 0;
  #calls = 0;
  #running: readonly string[] = [];
  #events: TextsEvent[] = [];
  readonly #idle = new Idle();

  constructor(embedder: Embedder, options: EmbeddingLoopOptions) {
    const { slots, microBatch, threads } = embedder.plan;
    const { scheduling, clock = systemClock } = options;
    this.#embedder = embedder;
    this.#options = options;
    this.#clock = clock;
    this.#queue = new EmbeddingQueue({ texts: slots, tokens: microBatch }, scheduling.ageingMs);
    this.#maxQueuedTokens = scheduling.maxQueuedTokens;
    this.#threads = threads;
    this.#governor = new ThreadGovernor(threads);
  }

  submit({ request, texts, credit, waitedMs, again }: PreparedTexts): void {
    const arrived = this.#clock.now() - waitedMs;
    const tokens = tokensOf(texts);
    const refused = again ? undefined : this.#refusal(tokens);
    if (refused !== undefined) this.#fail(request.id, refused);
    else
      this.#queue.add({ request, texts, tokens, credit, arrived, deadline: arrived + (request.timeoutMs ?? Infinity) });
    this.#idle.wake();
  }

  /** Ids of those that the call under way, or the last one, computes. */
  get running(): readonly string[] {
    return this.#running;
  }

  /** Silent: whoever cancels knows. A request that has ended is left alone. */
  cancel(id: string): void {
    this.#queue.remove(id);
  }

  /** So many more of its texts may be computed. A request that has ended is left alone. */
  credit(id: string, texts: number): void {
    this.#queue.grant(id, texts);
    this.#idle.wake();
  }

  /** At most so many tokens wait from now on. Ageing stays as it is; the order has no other settings. */
  reschedule({ maxQueuedTokens }: Scheduling): void {
    this.#maxQueuedTokens = maxQueuedTokens;
  }

  /** At most so many threads compute from now on, 1 .. those of the plan. */
  limitThreads(threads: number): void {
    this.#governor.limit = threads;
  }

  /** Computes while there is work, until `signal` aborts. Throws when the embedder does. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#idle.wake(), { once: true });
    while (!signal.aborted) {
      const now = this.#clock.now();
      for (const { request } of this.#queue.expire(now))
        this.#fail(request.id, failure("deadline_exceeded", { timeout: request.timeoutMs! / 1000 }));
      const call = this.#queue.plan(now, this.#msPerToken);
      this.#tell(call.length === 0 ? undefined : this.#compute(call));
      await (call.length === 0 ? this.#idle.rest(this.#queue.nextDeadline - now) : nextTurn());
    }
  }

  /** With nothing waiting the longest request is welcome. */
  #refusal(tokens: number): MillraceError | undefined {
    const waiting = this.#queue.tokens;
    const limit = this.#maxQueuedTokens;
    if (waiting === 0 || waiting + tokens <= limit) return undefined;
    return failure("queued_tokens_full", { waiting, limit, retryAfter: this.#drainMs / 1000 });
  }

  /** A call that was aborted is made again: nothing of it was taken from the queue. */
  #compute(call: readonly CallPart[]): StepReport {
    const texts = call.flatMap((part) => part.texts);
    const tokens = tokensOf(texts);
    const { watch } = this.#options;
    this.#useThreads(this.#governor.next);
    this.#running = call.map(({ waiting }) => waiting.request.id);
    const begin = this.#clock.now();
    watch?.beginStep(tokens);
    const vectors = this.#embedder.embed(texts);
    watch?.endStep();
    Atomics.store(this.#embedder.abortFlag, 0, 0); // an abort was meant for this call; the next one starts without it
    const now = this.#clock.now();
    const milliseconds = now - begin;
    if (vectors !== undefined) {
      this.#book(call, vectors, now);
      this.#learn(tokens, { milliseconds, now });
    }
    return this.#report({ tokens, sequences: texts.length, milliseconds });
  }

  #useThreads(threads: number): void {
    if (threads !== this.#threads) this.#embedder.setThreads(threads);
    this.#threads = threads;
  }

  #learn(tokens: number, { milliseconds, now }: { readonly milliseconds: number; readonly now: number }): void {
    const msPerToken = milliseconds / tokens;
    this.#msPerToken += (this.#msPerToken === 0 ? 1 : costWeight) * (msPerToken - this.#msPerToken);
    const { microBatch } = this.#embedder.plan;
    if (tokens < comparableTokens) return;
    this.#governor.observe({ tokens: microBatch, milliseconds: msPerToken * microBatch, now }); // as if all were as large
  }

  #book(call: readonly CallPart[], vectors: readonly Float32Array[], now: number): void {
    this.#queue.book(call, now);
    let next = 0;
    for (const { waiting, texts } of call) {
      const { id, model, dimensions } = waiting.request;
      const own = vectors.slice(next, next + texts.length).map((vector) => shortened(vector, dimensions));
      next += texts.length;
      if (own.some((vector) => vector.some(Number.isNaN))) {
        this.#queue.remove(id);
        this.#fail(id, failure("no_vector", { model }));
        continue;
      }
      const event = { type: "vectors", vectors: own.map(vectorToBase64), tokens: tokensOf(texts) } as const;
      this.#events.push({ id, event });
    }
  }

  #report(measured: Pick<StepReport, "tokens" | "sequences" | "milliseconds">): StepReport {
    return {
      ...measured,
      step: ++this.#calls,
      threads: this.#governor.settled,
      threadLimit: this.#governor.limit,
      running: this.#running.length,
      waiting: this.#queue.size,
      waitingTokens: this.#queue.tokens,
      drainMs: this.#drainMs,
    };
  }

  get #drainMs(): number {
    return this.#queue.tokens * this.#msPerToken;
  }

  #fail(id: string, error: MillraceError): void {
    this.#events.push({ id, error: error.toBody() });
  }

  #tell(report: StepReport | undefined): void {
    const events = this.#events;
    this.#events = [];
    if (events.length > 0 || report !== undefined) this.#options.onStep(events, report);
  }
}
