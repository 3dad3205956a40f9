import { systemClock } from "../core/clock.ts";
import type { EmbeddingEvent } from "../core/embedding.ts";
import { failure, MillraceError } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { EngineLife } from "./crash-loop.ts";
import type { StreamSource } from "./generation-stream.ts";
import type { EmbeddingSubmission, EngineEvent, HostMessage, Submission } from "./messages.ts";
import { Quarantine } from "./quarantine.ts";

type Send = (message: HostMessage) => void;

/** A request that lives on when its engine process dies, whatever it asks for. */
export interface PendingRequest {
  readonly request: Pick<GenerationRequest, "id" | "timeoutMs">;
  /** The engine has prepared it. */
  readonly admitted: boolean;
  /** Tokens, or vectors, that may come before its reader has to read; and those of them that the engine may send. */
  readonly credit: number;
  readonly granted: number;
  /** When its time is over, on the system's clock in ms; Infinity = never. */
  readonly deadline: number;
  /**
   * What makes an engine process begin with it, or go on where another one was. On trial it gets credit for no more than
   * shows that it does not kill the engine.
   */
  submission(onTrial: boolean): Submission | EmbeddingSubmission;
  /** Lets the engine send all that the reader will take; returns by how much more. */
  grant(): number;
  /** What the engine says: of the kind that it asked for. */
  deliver(event: GenerationEvent | EmbeddingEvent): void;
  fail(error: Error): void;
}

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
  readonly #pending = new Map<string, PendingRequest>();
  /** Those that the process has, in the order in which it got them. */
  readonly #inside = new Set<string>();
  readonly #quarantine = new Quarantine();
  /** To a process that is ready. */
  #send: Send | undefined;
  #deadlines: NodeJS.Timeout | undefined;
  /** That the process has generated, or made vectors of, but for trials. */
  #tokens = 0;
  readonly #onWork: (isWorking: boolean) => void;
  #isWorking = false;

  /** `onWork` is called before the process gets something to do, and when it has nothing to do any more. */
  constructor(onWork: (isWorking: boolean) => void = () => {}) {
    this.#onWork = onWork;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** An engine process is ready: those that wait go there. */
  onReady(send: Send): void {
    this.#send = send;
    clearInterval(this.#deadlines);
    this.#letIn();
  }

  /** The process is gone. Returns what its life was worth; a request that is known now to have killed it has failed. */
  onDeath({ running, byItself, problem }: EngineDeath): Pick<EngineLife, "tokens" | "taught"> {
    const preparing = [...this.#inside].find((id) => this.#pending.get(id)?.admitted === false);
    const ran = [...running, preparing ?? ""].filter((id) => (this.#pending.get(id)?.credit ?? 0) > 0);
    const convicted = this.#quarantine.died(ran, byItself && this.#knowsWho(running));
    this.#inside.clear();
    this.#send = undefined;
    this.#look();
    clearInterval(this.#deadlines);
    this.#deadlines = setInterval(() => this.#expire(), 250).unref();
    if (convicted !== undefined) this.#pending.get(convicted)?.fail(failure("poison_request", { problem }));
    const tokens = this.#tokens;
    this.#tokens = 0;
    return { tokens, taught: convicted !== undefined };
  }

  /** Ends all with this error. */
  failAll(error: MillraceError): void {
    this.#send = undefined;
    for (const pending of this.#pending.values()) pending.fail(error);
    clearInterval(this.#deadlines);
  }

  deliver(news: EngineEvent): void {
    const { id } = news;
    const pending = this.#pending.get(id);
    if (pending === undefined) return; // it was cancelled meanwhile
    if ("error" in news) return pending.fail(new MillraceError(news.error));
    if (this.#quarantine.isOver) this.#tokens += tokensIn(news.event);
    pending.deliver(news.event);
    this.#look();
    if (id !== this.#quarantine.onTrial || pending.granted > 0) return;
    this.#quarantine.release(id);
    this.#letIn();
  }

  submit(pending: PendingRequest): void {
    this.#pending.set(pending.request.id, pending);
    if (this.#send !== undefined && this.#quarantine.isOver) this.#enter(pending);
  }

  credit(pending: PendingRequest): void {
    if (this.#quarantine.isOver && this.#inside.has(pending.request.id)) this.#grant(pending);
  }

  cancel(id: string): void {
    if (this.#inside.has(id)) this.#send?.({ type: "cancel", id });
  }

  forget(id: string): void {
    this.#pending.delete(id);
    this.#inside.delete(id);
    this.#look();
    if (this.#quarantine.isOver) return;
    this.#quarantine.release(id);
    this.#letIn();
  }

  /** In a trial it was whoever is on trial, unless the last step was for somebody who has left: that one may have done it. */
  #knowsWho(running: readonly string[]): boolean {
    const { onTrial } = this.#quarantine;
    return onTrial === undefined || running.includes(onTrial) || running.every((id) => this.#pending.has(id));
  }

  #letIn(): void {
    if (this.#send === undefined) return;
    const suspect = this.#quarantine.next();
    if (suspect !== undefined) return this.#enter(this.#pending.get(suspect)!, true);
    if (!this.#quarantine.isOver) return;
    for (const [id, pending] of this.#pending) {
      if (this.#inside.has(id)) this.#grant(pending);
      else this.#enter(pending);
    }
  }

  #enter(pending: PendingRequest, onTrial = false): void {
    this.#inside.add(pending.request.id);
    const submission = pending.submission(onTrial);
    this.#look();
    this.#send?.(submission);
  }

  #grant(pending: PendingRequest): void {
    const tokens = pending.grant();
    this.#look();
    if (tokens > 0) this.#send?.({ type: "credit", id: pending.request.id, tokens });
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
    for (const id of this.#inside) if ((this.#pending.get(id)?.granted ?? 0) > 0) return true;
    return false;
  }

  /** Without an engine nobody else looks at the time. */
  #expire(): void {
    const now = systemClock.now();
    for (const pending of this.#pending.values()) {
      if (pending.deadline > now) continue;
      pending.fail(failure("deadline_exceeded", { timeout: pending.request.timeoutMs! / 1000 }));
    }
  }
}

/** That were generated, or of texts whose vectors came. */
function tokensIn(event: GenerationEvent | EmbeddingEvent): number {
  if (event.type === "vectors") return event.tokens;
  return event.type === "text-delta" ? event.tokens.length : 0;
}
