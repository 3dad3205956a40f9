import type { Logger } from "pino";
import type { BackendStatus, ModelInfo } from "../core/backend.ts";
import { systemClock } from "../core/clock.ts";
import type { EmbeddingRequest, Embeddings } from "../core/embedding.ts";
import { failure, toMillraceError, type LoadingProgress, type MillraceError } from "../core/errors.ts";
import type { ExecutionPlan } from "../core/execution-plan.ts";
import type { GenerationEvent, GenerationRequest, RequestDefaults } from "../core/generation.ts";
import type { ModelReport, ServedModel } from "../core/models.ts";
import type { Scheduling } from "../core/scheduling.ts";
import type { TextQuestion, TextReply } from "../core/text-question.ts";
import { LeasedStream, type Lease } from "./leased-stream.ts";
import { endModel, ModelLoading, type LoadedModel, type LoadingSteps } from "./model-loading.ts";
import type { Occupant } from "./model-room.ts";
import type { MemoryHeld } from "./process-memory.ts";
import { WaitingLine } from "./waiting-line.ts";

type Task = ExecutionPlan["task"];

/** A model as it was configured. */
export interface ModelSpec extends Omit<LoadingSteps, "room"> {
  /** What clients call it. */
  readonly id: string;
  readonly onDemand: boolean;
  /** What it will be loaded for, as far as that is known before. */
  readonly task: Task | undefined;
  /** Engine processes that it has when it is loaded. */
  readonly replicas: number;
  /** Ms without a request after which it is unloaded; Infinity = never, and not for another model either. */
  readonly keepAliveMs: number;
  /** Requests that may wait until it is loaded. */
  readonly mostWaiting: number;
  /** Who is served when; the memory of the cache is what the model was loaded with. */
  readonly scheduling: Scheduling;
  /** For requests that leave them out: what was configured, else what the model's makers recommend. */
  readonly defaultsOver: (recommended: RequestDefaults) => RequestDefaults;
  /** What they recommend, as far as it is known before the file is there. */
  readonly recommended: RequestDefaults;
}

export interface PooledModelOptions extends Pick<LoadingSteps, "room"> {
  readonly memoryHeld: (pids: readonly number[]) => MemoryHeld | undefined;
  /** Its state is another one. */
  readonly onChange: (model: PooledModel) => void;
  readonly logger: Logger;
}

type State =
  | { readonly type: "unloaded" }
  | { readonly type: "loading"; readonly loading: ModelLoading }
  | { readonly type: "ready"; readonly loaded: LoadedModel }
  | { readonly type: "unloading"; readonly loaded: LoadedModel }
  /** Until then nobody tries again, on the system's clock in ms. */
  | { readonly type: "failed"; readonly error: MillraceError; readonly until: number }
  | { readonly type: "closed" };

/** What failed to load is not tried again for so long, however many ask for it. */
const failureRestMs = 30_000;
/** When to try again where nothing tells how long loading will take, in seconds. */
const guessedWait = 5;
/** Longer than this no timer runs. */
const longestTimer = 2 ** 31 - 1;

/** One model of a pool: in memory or not, and the requests that use it or wait for it. */
export class PooledModel implements ServedModel, Occupant {
  readonly id: string;
  #spec: ModelSpec;
  readonly #options: PooledModelOptions;
  readonly #created = Math.floor(Date.now() / 1000);
  readonly #line = new WaitingLine(() => this.#onLeft());
  #state: State = { type: "unloaded" };
  #running = 0;
  /** It takes no new requests, and is unloaded when those that it has are done. */
  #leaving = false;
  /** It is to be loaded though no request asks for it. */
  #wanted = false;
  #lastUsed = systemClock.now();
  /** It is not served any more: called when it is out of memory, and nobody waits for it. */
  #onGone: (() => void) | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #reloadMs: number | undefined;
  #contextLength: number | undefined;
  /** What it was loaded for the last time. */
  #lastTask: Task | undefined;
  #defaults: RequestDefaults;

  constructor(spec: ModelSpec, options: PooledModelOptions) {
    this.id = spec.id;
    this.#spec = spec;
    this.#options = options;
    this.#defaults = spec.defaultsOver(spec.recommended);
  }

  get onDemand(): boolean {
    return this.#spec.onDemand;
  }

  get model(): ModelInfo {
    const { replicas, scheduling } = this.#spec;
    const { slots } = this.loaded?.claim.load.plan ?? {};
    const mostRequests = slots && replicas * (slots + scheduling.maxQueuedRequests);
    return { id: this.id, created: this.#created, contextLength: this.#contextLength, mostRequests };
  }

  get defaults(): RequestDefaults {
    return this.#defaults;
  }

  /** Undefined while it is not ready. */
  get loaded(): LoadedModel | undefined {
    return this.#state.type === "ready" ? this.#state.loaded : undefined;
  }

  status(): BackendStatus {
    const state = this.#state;
    if (state.type === "ready") return state.loaded.engines.status();
    if (state.type === "loading") return { state: "loading", progress: this.#progress().progress };
    if (state.type === "failed") return { state: "failed", error: state.error.toBody() };
    if (state.type === "closed") return { state: "failed", error: failure("shutting_down", undefined).toBody() };
    return { state: "unloaded" };
  }

  report(): ModelReport {
    const status = this.status();
    const state = this.#state;
    const leaving = state.type === "unloading" || (state.type === "ready" && this.#leaving);
    const restarting = state.type === "ready" && status.state === "loading";
    return {
      id: this.id,
      state: leaving ? "unloading" : restarting ? "degraded" : status.state,
      loading: state.type === "loading" ? this.#progress() : undefined,
      memory: this.#options.memoryHeld(this.pids)?.resident,
      running: this.#running,
      waiting: this.#line.size,
      replicas: this.#spec.replicas,
      onDemand: this.onDemand,
      keepAliveMs: this.#spec.keepAliveMs,
      error: "error" in status ? status.error : undefined,
    };
  }

  generate(request: GenerationRequest, signal: AbortSignal): AsyncIterableIterator<GenerationEvent, undefined> {
    return new LeasedStream(request, { signal, lease: () => this.#leaseFor("generate", request, signal) });
  }

  async embed(request: EmbeddingRequest, signal: AbortSignal): Promise<Embeddings> {
    const { arrived = systemClock.now() } = request;
    const { backend, release } = await this.#leaseFor("embed", request, signal);
    return await backend.embed({ ...request, arrived }, signal).finally(release);
  }

  async ask(question: TextQuestion, signal: AbortSignal): Promise<TextReply> {
    const { backend, release } = await this.#lease({ timeoutMs: undefined }, signal);
    return await backend.ask(question, signal).finally(release);
  }

  /** Goes on with other settings. What its engines were started with stays until it is loaded again. */
  configure(spec: ModelSpec): void {
    const { recommended } = this.loaded?.prepared ?? spec;
    this.#spec = spec;
    this.#defaults = spec.defaultsOver(recommended);
    this.loaded?.engines.reschedule(spec.scheduling);
    this.#unloadWhenIdle();
  }

  /** Begins to load it, or to keep it where it was about to be unloaded. */
  load(): void {
    const state = this.#state;
    this.#wanted = state.type !== "ready";
    if (state.type === "unloaded" || state.type === "failed") return this.#begin();
    if (state.type === "unloading" || !this.#leaving) return;
    this.#leaving = false;
    if (state.type === "ready") this.#line.letIn(() => this.#enter(state.loaded));
    this.#changed();
  }

  /** Resolves when the loading that has begun is over. Rejects with the MillraceError that prevented it. */
  async whenLoaded(): Promise<void> {
    if (this.#state.type === "loading") await this.#state.loading.done;
    else if (this.#state.type === "failed") throw this.#state.error;
  }

  /** Unloads it when the requests that run, or wait already, are done. */
  unload(): void {
    this.#wanted = false;
    if (this.#state.type === "failed") return this.#enterState({ type: "unloaded" });
    if (this.#state.type === "loading" && this.#line.size === 0) return this.#giveUp();
    if (this.#state.type === "loading" || this.#state.type === "ready") this.makeWay();
  }

  /** Unloads it for good. Resolves when that is done, after the requests that it has, or that wait for it: then close it. */
  async retire(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onGone = resolve;
      this.unload();
      this.#changed();
    });
  }

  makeWay(): void {
    this.#leaving = true;
    this.#changed();
    this.#unloadWhenIdle();
  }

  get pids(): readonly number[] {
    const state = this.#state;
    if (state.type === "loading") return state.loading.pids;
    return "loaded" in state ? state.loaded.engines.pids : [];
  }

  get bytes(): number {
    const state = this.#state;
    const held = this.#options.memoryHeld(this.pids)?.resident ?? 0;
    const claim = state.type === "loading" ? state.loading.granted : "loaded" in state ? state.loaded.claim : undefined;
    return claim === undefined ? 0 : Math.max(claim.bytes, held - claim.droppable);
  }

  get leaving(): boolean {
    return this.#leaving && this.#state.type !== "loading";
  }

  get movable(): boolean {
    return this.#state.type === "ready" && this.#spec.keepAliveMs < Infinity;
  }

  get pinned(): boolean {
    return this.#spec.keepAliveMs === Infinity && !this.#leaving;
  }

  get running(): number {
    return this.#running;
  }

  get idleMs(): number {
    return systemClock.now() - this.#lastUsed;
  }

  get reloadMs(): number {
    return this.#reloadMs ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const state = this.#state;
    const error = failure("shutting_down", undefined);
    clearTimeout(this.#idleTimer);
    this.#enterState({ type: "closed" });
    this.#line.turnAway(error);
    if (state.type === "loading") {
      state.loading.giveUp(error);
      await state.loading.done.then((loaded) => endModel(loaded)).catch(() => {});
    } else if ("loaded" in state) await endModel(state.loaded);
  }

  /** Who asks it for what it cannot do does not make it load. */
  async #leaseFor(task: Task, request: GenerationRequest | EmbeddingRequest, signal: AbortSignal): Promise<Lease> {
    const can = this.loaded === undefined ? (this.#spec.task ?? this.#lastTask ?? task) : task; // it will say so itself
    if (can !== task) throw failure(can === "embed" ? "only_embeddings" : "no_embeddings", { model: request.model });
    return await this.#lease(request, signal);
  }

  async #lease(request: Pick<GenerationRequest, "timeoutMs" | "arrived">, signal: AbortSignal): Promise<Lease> {
    const state = this.#state;
    if (state.type === "closed") throw failure("shutting_down", undefined);
    if (state.type === "ready" && !this.#leaving) return this.#enter(state.loaded);
    if (state.type === "failed" && systemClock.now() < state.until) throw unavailable(state.error, state.until);
    const { etaSeconds = 0 } = this.#progress();
    const { timeoutMs, arrived = systemClock.now() } = request;
    const withinMs = timeoutMs && Math.max(0, arrived + timeoutMs - systemClock.now());
    const tooLong = 1000 * etaSeconds > (withinMs ?? Infinity);
    if (tooLong || this.#line.size >= this.#spec.mostWaiting) throw this.#stillLoading();
    if (state.type === "unloaded" || state.type === "failed") this.#begin();
    return await this.#line.wait({ signal, withinMs, tooLate: () => this.#stillLoading() });
  }

  #stillLoading(): MillraceError {
    const loading = this.#progress();
    return failure("model_loading", { model: this.id, loading, retryAfter: loading.etaSeconds ?? guessedWait });
  }

  #progress(): LoadingProgress {
    if (this.#state.type === "loading") return this.#state.loading.progress(this.#reloadMs);
    return { progress: 0, etaSeconds: this.#reloadMs === undefined ? undefined : this.#reloadMs / 1000 };
  }

  /** One request more. */
  #enter({ engines }: LoadedModel): Lease {
    clearTimeout(this.#idleTimer);
    const { backend, release } = engines.lease();
    this.#running++;
    return {
      backend,
      release: () => {
        release();
        this.#running--;
        this.#lastUsed = systemClock.now();
        this.#unloadWhenIdle();
      },
    };
  }

  #begin(): void {
    const loading = new ModelLoading({ ...this.#spec, room: this.#options.room });
    this.#enterState({ type: "loading", loading });
    loading.done.then(
      (loaded) => this.#onLoaded(loaded),
      (error: unknown) => this.#onFailed(toMillraceError(error)),
    );
  }

  #onLoaded(loaded: LoadedModel): void {
    if (this.#state.type !== "loading") return;
    const { prepared, engines, loadMs } = loaded;
    this.#reloadMs = loadMs;
    this.#contextLength = engines.info?.contextPerSlot;
    this.#lastTask = prepared.wanted.plan.task;
    this.#defaults = this.#spec.defaultsOver(prepared.recommended);
    this.#lastUsed = systemClock.now();
    this.#wanted = false;
    this.#enterState({ type: "ready", loaded });
    engines.reschedule(this.#spec.scheduling); // it may have been configured while it loaded
    this.#line.letIn(() => this.#enter(loaded));
    this.#unloadWhenIdle();
  }

  #onFailed(error: MillraceError): void {
    const state = this.#state;
    if (state.type !== "loading") return;
    this.#leaving = false;
    if (error !== givenUp) {
      this.#wanted = false;
      this.#options.logger.error({ err: error }, "the model could not be loaded");
      const until = systemClock.now() + failureRestMs;
      this.#enterState({ type: "failed", error, until });
      return this.#line.turnAway(unavailable(error, until));
    }
    this.#enterState({ type: "unloaded" });
    this.#beginIfNeeded();
  }

  #giveUp(): void {
    if (this.#state.type === "loading") this.#state.loading.giveUp(givenUp);
  }

  /** Without anybody who waits for it, it takes no room from others. */
  #onLeft(): void {
    const state = this.#state;
    if (state.type !== "loading" || this.#line.size > 0 || this.#wanted) return;
    if (state.loading.waitsForRoom || this.#leaving) this.#giveUp();
  }

  #unloadWhenIdle(): void {
    clearTimeout(this.#idleTimer);
    if (this.#running > 0 || this.#state.type !== "ready") return;
    const { keepAliveMs } = this.#spec;
    const rest = keepAliveMs - this.idleMs;
    if (this.#leaving || this.#onGone !== undefined || rest <= 0) void this.#unload(this.#state.loaded);
    else if (rest < Infinity) {
      this.#idleTimer = setTimeout(() => this.#unloadWhenIdle(), Math.min(Math.ceil(rest), longestTimer)).unref();
    }
    this.#options.room.changed();
  }

  async #unload(loaded: LoadedModel): Promise<void> {
    this.#leaving = true;
    this.#enterState({ type: "unloading", loaded });
    await endModel(loaded);
    if (this.#state.type !== "unloading") return;
    this.#leaving = false;
    this.#options.logger.info("the model is unloaded");
    this.#enterState({ type: "unloaded" });
    this.#beginIfNeeded();
  }

  #beginIfNeeded(): void {
    if (this.#line.size > 0 || this.#wanted) this.#begin();
  }

  #enterState(state: State): void {
    this.#state = state;
    this.#changed();
  }

  #changed(): void {
    const { type } = this.#state;
    if ((type === "unloaded" && this.#line.size === 0) || type === "failed" || type === "closed") this.#onGone?.();
    this.#options.room.changed();
    this.#options.onChange(this);
  }
}

/** Why a loading ended that nobody wanted any more. */
const givenUp = failure("request_cancelled", undefined);

/** What is told to those who ask for a model that could not be loaded: never that they asked for something wrong. */
function unavailable(error: MillraceError, until: number): MillraceError {
  if (error.row.status === 503) return error;
  const retryAfter = Math.max(1, (until - systemClock.now()) / 1000);
  return failure("engine_unavailable", { problem: error.message, retryAfter }, error);
}
