import { systemClock } from "../core/clock.ts";
import { failure } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import { Journal } from "./journal.ts";
import type { Submission } from "./messages.ts";

/** Tokens that are sent ahead of a reader; half of it is given back at a time. */
const creditWindow = 256;
/** Who is on trial has survived when it has got so many: one of its prompt's last step, one of a decode. */
const trialTokens = 2;

/** Where a stream's request runs. */
export interface StreamSource {
  readonly submit: (stream: GenerationStream) => void;
  /** The reader has made progress: there is credit to grant. */
  readonly credit: (stream: GenerationStream) => void;
  /** Tells the engine that nobody reads the rest. */
  readonly cancel: (id: string) => void;
  /** Called once: nothing more is to be delivered to the stream. */
  readonly forget: (id: string) => void;
}

type Result = IteratorResult<GenerationEvent, undefined>;

export interface StreamOptions {
  readonly signal: AbortSignal;
  /** Called by the first `next()`; throws when there is nowhere to run. */
  readonly connect: () => StreamSource;
}

/**
 * The events of one request, as its reader pulls them, whichever engine process they come from. Written out instead of a generator, whose `return()` would wait
 * for a pending `next()`: leaving the loop and the abort of the signal must both free the slot at once.
 */
export class GenerationStream implements AsyncIterableIterator<GenerationEvent, undefined> {
  readonly request: GenerationRequest;
  readonly #options: StreamOptions;
  readonly #onAbort = (): void => this.#cancel(failure("request_cancelled", undefined));
  #started = false;
  /** Where the engine still works on it. */
  #source: StreamSource | undefined;
  #events: GenerationEvent[] = [];
  #read = 0;
  /** How it ended, told to the reader after the events. The error is told once. */
  #outcome: { error: Error | undefined } | undefined;
  #wake: ((result: Promise<Result>) => void) | undefined;
  /** Tokens read and not yet given back as credit. */
  #unpaid = 0;
  /** Tokens that may still come before the reader has to read, and how many of them the engine may send; below 0, some came that were forced by the one before. */
  #credit = creditWindow;
  #granted = 0;
  readonly #journal = new Journal();
  #arrived = 0;
  #submissions = 0;

  constructor(request: GenerationRequest, options: StreamOptions) {
    this.request = request;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** One reader at a time: not to be called before the last call has settled. */
  async next(): Promise<Result> {
    if (!this.#started) this.#start();
    if (this.#read < this.#events.length) return { done: false, value: this.#take() };
    if (this.#outcome === undefined) {
      return new Promise<Result>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    const { error } = this.#outcome;
    this.#outcome.error = undefined;
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }

  async return(): Promise<Result> {
    this.#cancel(undefined);
    return { done: true, value: undefined };
  }

  /** The engine has rendered its prompt. */
  get admitted(): boolean {
    return this.#journal.promptTokens !== undefined;
  }

  /** Tokens that may come before its reader has to read. */
  get credit(): number {
    return this.#credit;
  }

  /** Those of them that the engine may send. */
  get granted(): number {
    return this.#granted;
  }

  /** When its time is over, on the system's clock in ms; Infinity = never. */
  get deadline(): number {
    return this.#arrived + (this.request.timeoutMs ?? Infinity);
  }

  /** What makes an engine process begin with the request, or go on behind the last token that came from another one. */
  submission(onTrial: boolean): Submission {
    this.#granted = Math.max(0, Math.min(this.#credit, onTrial ? trialTokens : Infinity));
    this.#submissions++;
    const { promptTokens, tokens } = this.#journal;
    const resume =
      promptTokens === undefined ? undefined : { promptTokens: Array.from(promptTokens), tokens: Array.from(tokens) };
    const waitedMs = Math.max(0, systemClock.now() - this.#arrived);
    return { type: "submit", request: this.request, credit: this.#granted, waitedMs, resume };
  }

  /** Lets the engine send all that the reader will take; returns by how many tokens that is more. */
  grant(): number {
    const more = this.#credit - this.#granted;
    this.#granted = this.#credit;
    return more;
  }

  /** An event of the engine. `finished` is the last. */
  deliver(event: GenerationEvent): void {
    if (this.#source === undefined) return;
    this.#journal.note(event);
    if (event.type === "text-delta") {
      this.#credit -= event.tokens.length;
      this.#granted -= event.tokens.length;
    }
    const resumes = this.#submissions - 1;
    this.#events.push(event.type === "finished" && resumes > 0 ? { ...event, resumes } : event);
    if (event.type === "finished") this.#end(undefined);
    this.#wakeReader();
  }

  /** The request has failed, in the engine or with it. What was delivered before is read first. */
  fail(error: Error): void {
    if (this.#source === undefined) return;
    this.#end(error);
    this.#wakeReader();
  }

  #start(): void {
    const { signal, connect } = this.#options;
    this.#started = true;
    this.#outcome = { error: undefined }; // of a reader that goes on after one of these threw
    if (signal.aborted) throw failure("request_cancelled", undefined);
    this.#source = connect();
    this.#outcome = undefined;
    this.#arrived = this.request.arrived ?? systemClock.now();
    signal.addEventListener("abort", this.#onAbort, { once: true });
    this.#source.submit(this);
  }

  /** Nobody wants the rest. */
  #cancel(error: Error | undefined): void {
    this.#started = true;
    this.#events = [];
    this.#read = 0;
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#source?.cancel(this.request.id);
    this.#end(error);
    this.#wakeReader();
  }

  #end(error: Error | undefined): void {
    this.#outcome = { error };
    this.#source?.forget(this.request.id);
    this.#source = undefined;
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.(this.next());
  }

  #take(): GenerationEvent {
    const event = this.#events[this.#read++]!;
    if (this.#read === this.#events.length) {
      this.#events = [];
      this.#read = 0;
    }
    if (event.type === "text-delta") this.#unpaid += event.tokens.length;
    if (this.#unpaid >= creditWindow / 2) {
      this.#credit += this.#unpaid;
      this.#unpaid = 0;
      this.#source?.credit(this);
    }
    return event;
  }
}
