import { systemClock } from "../core/clock.ts";
import { failure, MillraceError } from "../core/errors.ts";
import type { RequestEvent } from "../inference/inference.ts";
import type { EngineLife } from "./crash-loop.ts";
import type { GenerationStream, StreamSource } from "./generation-stream.ts";
import type { HostMessage } from "./messages.ts";
import { Quarantine } from "./quarantine.ts";

/** Whoever is on trial has survived when it has got so many tokens: one of its prompt's last step, one of a decode. */
const trialTokens = 2;

type Send = (message: HostMessage) => void;

/** The end of an engine process, as far as requests are concerned. */
export interface EngineDeath {
  /** Ids of those that held a slot. */
  readonly running: readonly string[];
  /** Nobody killed it from outside. */
  readonly byItself: boolean;
  readonly problem: string;
}

/**
 * The requests of one engine across the lives of its process: it gives them to a process that is ready, and after its
 * death to the next one. Those that are under suspicion of having killed it go first, one at a time.
 */
export class Roster implements StreamSource {
  /** In order of arrival. */
  readonly #streams = new Map<string, GenerationStream>();
  /** Those that the process has, in the order in which it got them. */
  readonly #inside = new Set<string>();
  readonly #quarantine = new Quarantine();
  /** To a process that is ready. */
  #send: Send | undefined;
  #deadlines: NodeJS.Timeout | undefined;
  /** That the process has generated, but for trials. */
  #tokens = 0;
  readonly #onWork: (isWorking: boolean) => void;
  #isWorking = false;

  /** `onWork` is called before the process gets something to do, and when it has nothing to do any more. */
  constructor(onWork: (isWorking: boolean) => void = () => {}) {
    this.#onWork = onWork;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** An engine process is ready: those that wait go there. */
  onReady(send: Send): void {
    this.#send = send;
    clearInterval(this.#deadlines);
    this.#letIn();
  }

  /** The process is gone. Returns what its life was worth; a request that is known now to have killed it has failed. */
  onDeath({ running, byItself, problem }: EngineDeath): Pick<EngineLife, "tokens" | "taught"> {
    const preparing = [...this.#inside].find((id) => this.#streams.get(id)?.admitted === false);
    const ran = [...running, preparing ?? ""].filter((id) => (this.#streams.get(id)?.credit ?? 0) > 0);
    const convicted = this.#quarantine.died(ran, byItself);
    this.#inside.clear();
    this.#send = undefined;
    this.#look();
    clearInterval(this.#deadlines);
    this.#deadlines = setInterval(() => this.#expire(), 250).unref();
    if (convicted !== undefined) this.#streams.get(convicted)?.fail(failure("poison_request", { problem }));
    const tokens = this.#tokens;
    this.#tokens = 0;
    return { tokens, taught: convicted !== undefined };
  }

  /** Ends all with this error. */
  failAll(error: MillraceError): void {
    this.#send = undefined;
    for (const stream of this.#streams.values()) stream.fail(error);
    clearInterval(this.#deadlines);
  }

  deliver(news: RequestEvent): void {
    const { id } = news;
    const stream = this.#streams.get(id);
    if (stream === undefined) return; // it was cancelled meanwhile
    if ("error" in news) return stream.fail(new MillraceError(news.error));
    if (this.#quarantine.isOver && news.event.type === "text-delta") this.#tokens += news.event.tokens.length;
    stream.deliver(news.event);
    this.#look();
    if (id !== this.#quarantine.onTrial || stream.granted > 0) return;
    this.#quarantine.release(id);
    this.#letIn();
  }

  submit(stream: GenerationStream): void {
    this.#streams.set(stream.request.id, stream);
    if (this.#send !== undefined && this.#quarantine.isOver) this.#enter(stream);
  }

  credit(stream: GenerationStream): void {
    if (this.#quarantine.isOver && this.#inside.has(stream.request.id)) this.#grant(stream);
  }

  cancel(id: string): void {
    if (this.#inside.has(id)) this.#send?.({ type: "cancel", id });
  }

  forget(id: string): void {
    this.#streams.delete(id);
    this.#inside.delete(id);
    this.#look();
    if (this.#quarantine.isOver) return;
    this.#quarantine.release(id);
    this.#letIn();
  }

  #letIn(): void {
    if (this.#send === undefined) return;
    const suspect = this.#quarantine.next();
    if (suspect !== undefined) return this.#enter(this.#streams.get(suspect)!, trialTokens);
    if (!this.#quarantine.isOver) return;
    for (const [id, stream] of this.#streams) {
      if (this.#inside.has(id)) this.#grant(stream);
      else this.#enter(stream);
    }
  }

  #enter(stream: GenerationStream, mostCredit?: number): void {
    this.#inside.add(stream.request.id);
    const submission = stream.submission(mostCredit);
    this.#look();
    this.#send?.(submission);
  }

  #grant(stream: GenerationStream): void {
    const tokens = stream.grant();
    this.#look();
    if (tokens > 0) this.#send?.({ type: "credit", id: stream.request.id, tokens });
  }

  #look(): void {
    const isWorking = this.#hasWork();
    if (isWorking === this.#isWorking) return;
    this.#isWorking = isWorking;
    this.#onWork(isWorking);
  }

  /** Requests whose readers do not read are no work. */
  #hasWork(): boolean {
    if (this.#send === undefined) return false;
    for (const id of this.#inside) if ((this.#streams.get(id)?.granted ?? 0) > 0) return true;
    return false;
  }

  /** Without an engine nobody else looks at the time. */
  #expire(): void {
    const now = systemClock.now();
    for (const stream of this.#streams.values()) {
      if (stream.deadline > now) continue;
      stream.fail(failure("deadline_exceeded", { timeout: stream.request.timeoutMs! / 1000 }));
    }
  }
}
