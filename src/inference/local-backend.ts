import type { Backend, BackendStatus, ModelInfo } from "../core/backend.ts";
import { failure, MillraceError, toMillraceError } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import { defaultScheduling, type Scheduling } from "../core/scheduling.ts";
import type { Engine } from "../engine/engine.ts";
import { EventQueue } from "./event-queue.ts";
import { Inference, type RequestEvent } from "./inference.ts";
import { prepareRequest } from "./prepare.ts";

/** A backend in this very process, for commands and benchmarks that serve nobody else. It closes its engine. */
export class LocalBackend implements Backend {
  readonly model: ModelInfo;
  readonly #engine: Engine;
  readonly #inference: Inference;
  readonly #queues = new Map<string, EventQueue<GenerationEvent>>();
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #status: BackendStatus = { state: "ready" };

  constructor(engine: Engine, modelId: string, scheduling: Scheduling = defaultScheduling) {
    this.#engine = engine;
    this.model = { id: modelId, created: Math.floor(Date.now() / 1000), contextLength: engine.info.contextPerSlot };
    this.#inference = new Inference(engine, {
      scheduling,
      onStep: (events) => {
        for (const event of events) this.#deliver(event);
      },
    });
    this.#running = this.#inference.run(this.#closing.signal).catch((error: unknown) => this.#fail(error));
  }

  status(): BackendStatus {
    return this.#status;
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    if (this.#status.state === "failed") throw new MillraceError(this.#status.error);
    const promptTokens = prepareRequest(request, this.#engine.vocabulary, this.#engine.info.contextPerSlot);
    const queue = new EventQueue<GenerationEvent>();
    const onAbort = (): void => queue.fail(failure("request_cancelled", undefined));
    this.#queues.set(request.id, queue);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (signal.aborted) throw failure("request_cancelled", undefined);
      this.#inference.submit({ request, promptTokens, waitedMs: 0 }, Infinity);
      for (;;) {
        const event = await queue.next();
        yield event;
        if (event.type === "finished") return;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#queues.delete(request.id);
      this.#inference.cancel(request.id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#fail(failure("shutting_down", undefined));
    this.#engine[Symbol.dispose]();
  }

  #deliver(event: RequestEvent): void {
    const queue = this.#queues.get(event.id);
    if ("error" in event) queue?.fail(new MillraceError(event.error));
    else queue?.push(event.event);
  }

  #fail(thrown: unknown): void {
    const error = toMillraceError(thrown);
    this.#status = { state: "failed", error: error.toBody() };
    for (const queue of this.#queues.values()) queue.fail(error);
  }
}
