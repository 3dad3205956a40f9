import { systemClock } from "../core/clock.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { ServedModel } from "../core/models.ts";

/** The right of one request to run on an engine, which is there until it is given back. */
export interface Lease {
  readonly backend: Pick<ServedModel, "generate" | "embed" | "ask">;
  /** To be called once. */
  readonly release: () => void;
}

type Result = IteratorResult<GenerationEvent, undefined>;

/** The events of a request that has to wait for its engine: it leases one at the first `next()` and gives it back at the end. */
export class LeasedStream implements AsyncIterableIterator<GenerationEvent, undefined> {
  readonly #begin: () => Promise<{ readonly lease: Lease; readonly events: AsyncIterable<GenerationEvent> }>;
  #events: AsyncIterator<GenerationEvent> | undefined;
  #lease: Lease | undefined;
  #ended = false;

  constructor(
    request: GenerationRequest,
    { signal, lease }: { readonly signal: AbortSignal; readonly lease: () => Promise<Lease> },
  ) {
    this.#begin = async () => {
      const arrived = request.arrived ?? systemClock.now();
      const leased = await lease();
      return { lease: leased, events: leased.backend.generate({ ...request, arrived }, signal) };
    };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Result> {
    try {
      this.#events ??= await this.#open();
      const result = this.#ended ? { done: true as const, value: undefined } : await this.#events.next();
      if (result.done !== true) return result;
    } catch (error) {
      this.#end();
      throw error;
    }
    this.#end();
    return { done: true, value: undefined };
  }

  async return(): Promise<Result> {
    const events = this.#events;
    this.#end();
    await events?.return?.();
    return { done: true, value: undefined };
  }

  async #open(): Promise<AsyncIterator<GenerationEvent>> {
    if (this.#ended) return none;
    const { lease, events } = await this.#begin();
    this.#lease = lease;
    if (this.#ended) this.#end(); // its reader has left meanwhile
    return events[Symbol.asyncIterator]();
  }

  #end(): void {
    this.#ended = true;
    this.#lease?.release();
    this.#lease = undefined;
  }
}

const none: AsyncIterator<GenerationEvent> = { next: async () => ({ done: true, value: undefined }) };
