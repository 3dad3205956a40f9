import type { Logger } from "pino";
import type { Backend, BackendStatus, ModelInfo } from "../core/backend.ts";
import { systemClock } from "../core/clock.ts";
import { failure, MillraceError } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { Scheduling } from "../core/scheduling.ts";
import type { EngineInfo } from "../engine/engine.ts";
import type { EngineSpec } from "../engine/open.ts";
import type { StepReport } from "../scheduler/step-loop.ts";
import type { RequestEvent } from "../inference/inference.ts";
import { EngineChild, type EngineNews } from "./engine-child.ts";
import { GenerationStream, type StreamSource } from "./generation-stream.ts";
import { livenessLimits, type LivenessLimits } from "./liveness.ts";
import { restartDelay } from "./restart-delay.ts";
import { spawnEngine } from "./spawn-engine.ts";

/** An engine that ran this long is healthy: its end is not counted together with earlier ones. */
const healthyAfterMs = 60_000;
const closeGraceMs = 2000;
/** An engine that was never ready and died so often will not be. */
const deathsBeforeGivingUp = 3;

export interface EngineHostOptions {
  /** The name that clients ask for. */
  readonly modelId: string;
  readonly scheduling: Scheduling;
  readonly logger: Logger;
  readonly limits?: LivenessLimits;
}

type State =
  | { readonly type: "loading"; readonly progress: number }
  | { readonly type: "ready"; readonly since: number }
  | { readonly type: "down"; readonly error: MillraceError; readonly problem: string }
  | { readonly type: "closed" };

/**
 * The server's side of an engine: starts its process, gives it requests, and when it dies ends them with an error that
 * says why and starts it again.
 */
export class EngineHost implements Backend {
  readonly #spec: EngineSpec;
  readonly #options: EngineHostOptions;
  readonly #created = Math.floor(Date.now() / 1000);
  readonly #streams = new Map<string, GenerationStream>();
  readonly #ready: Promise<void>;
  #settleReady: { resolve: () => void; reject: (error: Error) => void } = { resolve: () => {}, reject: () => {} };
  #child: EngineChild | undefined;
  #state: State = { type: "loading", progress: 0 };
  #info: EngineInfo | undefined;
  #threads = 0;
  /** How long the requests that waited after the last step will take, in ms. */
  #drainMs = 0;
  /** Why this process could not open the model: it is about to end. */
  #openError: MillraceError | undefined;
  /** Deaths since the engine was last healthy. */
  #deaths = 0;
  #restartTimer: NodeJS.Timeout | undefined;

  private constructor(spec: EngineSpec, options: EngineHostOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.#ready.catch(() => {}); // whoever does not ask learns of it by `status`
  }

  /** Starts the engine's process and returns while it loads: see `ready` and `status`. */
  static start(spec: EngineSpec, options: EngineHostOptions): EngineHost {
    const host = new EngineHost(spec, options);
    host.#start();
    return host;
  }

  /** Resolves when the model has been loaded once. Rejects with the MillraceError that prevents it. */
  async ready(): Promise<void> {
    await this.#ready;
  }

  /** What the engine turned out to be; undefined until it was ready. */
  get info(): EngineInfo | undefined {
    return this.#info;
  }

  /** Process id of the engine, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get model(): ModelInfo {
    return { id: this.#options.modelId, created: this.#created, contextLength: this.#info?.contextPerSlot };
  }

  status(): BackendStatus {
    const state = this.#state;
    if (state.type === "loading") return { state: "loading", progress: state.progress };
    if (state.type === "ready") return { state: "ready" };
    const error = state.type === "down" ? state.error : failure("shutting_down", undefined);
    return { state: "failed", error: error.toBody() };
  }

  generate(request: GenerationRequest, signal: AbortSignal): AsyncIterableIterator<GenerationEvent, undefined> {
    return new GenerationStream(request, { signal, connect: () => this.#connect() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = { type: "closed" };
    clearTimeout(this.#restartTimer);
    const error = failure("shutting_down", undefined);
    this.#settleReady.reject(error);
    this.#failStreams(error);
    await this.#child?.close(closeGraceMs);
  }

  #start(): void {
    this.#state = { type: "loading", progress: 0 };
    this.#drainMs = 0;
    const { logger, limits = livenessLimits } = this.#options;
    this.#child = new EngineChild(spawnEngine(), {
      limits,
      logger,
      onMessage: (message) => this.#receive(message),
      onExit: (problem) => this.#onExit(problem),
    });
    this.#child.send({ type: "open", spec: this.#spec, scheduling: this.#options.scheduling });
  }

  #connect(): StreamSource {
    const child = this.#child;
    const state = this.#state;
    if (state.type === "closed") throw failure("shutting_down", undefined);
    if (state.type === "down") throw failure("engine_unavailable", { problem: state.problem }, state.error);
    if (state.type === "loading" || child === undefined) {
      const progress = state.type === "loading" ? state.progress : 0;
      throw failure("model_loading", { model: this.#options.modelId, percent: Math.floor(100 * progress) });
    }
    this.#refuseWhenFull();
    return {
      submit: (stream, credit) => {
        this.#streams.set(stream.request.id, stream);
        child.send({ type: "submit", request: stream.request, credit });
      },
      credit: (id, tokens) => child.send({ type: "credit", id, tokens }),
      cancel: (id) => child.send({ type: "cancel", id }),
      forget: (id) => this.#streams.delete(id),
    };
  }

  /** What the engine refuses by tokens is refused here by number: before its prompt is rendered and tokenized. */
  #refuseWhenFull(): void {
    const waiting = this.#streams.size - this.#spec.plan.slots;
    const limit = this.#options.scheduling.maxQueuedRequests;
    if (waiting < limit) return;
    const retryAfter = Math.max(1, this.#drainMs / 1000);
    throw failure("queue_full", { waiting, limit, retryAfter });
  }

  #receive(message: EngineNews): void {
    if (this.#state.type === "closed") return;
    switch (message.type) {
      case "loading":
        if (this.#state.type === "loading") this.#state = { type: "loading", progress: message.progress };
        return;
      case "ready":
        return this.#onReady(message.info);
      case "open-failed":
        this.#openError = new MillraceError(message.error);
        void this.#child?.close(closeGraceMs);
        return;
      case "step":
        for (const event of message.events) this.#deliver(event);
        if (message.report !== undefined) this.#onReport(message.report);
        return;
      case "request-failed":
        return this.#streams.get(message.id)?.fail(new MillraceError(message.error));
    }
  }

  #onReport({ threads, drainMs }: StepReport): void {
    this.#drainMs = drainMs;
    this.#watchThreads(threads);
  }

  /** Says so when the engine steps with another number of threads than before. */
  #watchThreads(threads: number): void {
    const before = this.#threads;
    this.#threads = threads;
    if (threads === before) return;
    const words = threads < before ? "steps take far longer than predicted: fewer threads" : "more threads again";
    this.#options.logger.info({ from: before, to: threads }, words);
  }

  #onReady(info: EngineInfo): void {
    this.#info = info;
    this.#threads = this.#spec.plan.threads;
    this.#state = { type: "ready", since: systemClock.now() };
    this.#options.logger.info({ pid: this.pid, ...info }, "the engine is ready");
    this.#settleReady.resolve();
  }

  #deliver(news: RequestEvent): void {
    const stream = this.#streams.get(news.id);
    if ("error" in news) stream?.fail(new MillraceError(news.error));
    else stream?.deliver(news.event);
  }

  #onExit(problem: string): void {
    const before = this.#state;
    const openError = this.#openError;
    this.#child = undefined;
    this.#openError = undefined;
    if (before.type === "closed") return;
    const error = openError ?? failure("engine_failed", { problem });
    this.#state = { type: "down", error, problem: openError?.message ?? problem };
    this.#failStreams(error);
    if (before.type === "ready" && systemClock.now() - before.since > healthyAfterMs) this.#deaths = 0;
    const delay = restartDelay(this.#deaths++);
    const hopeless = openError !== undefined || this.#deaths >= deathsBeforeGivingUp;
    if (this.#info === undefined && hopeless) {
      this.#options.logger.error({ err: error }, "the engine cannot be started");
      this.#settleReady.reject(error);
    } else {
      this.#options.logger.error({ err: error }, `the engine ended; it is started again in ${delay / 1000} s`);
      this.#restartTimer = setTimeout(() => this.#start(), delay);
    }
  }

  #failStreams(error: MillraceError): void {
    for (const stream of this.#streams.values()) stream.fail(error);
  }
}
