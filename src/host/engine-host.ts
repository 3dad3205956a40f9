import type { Logger } from "pino";
import type { Backend, BackendStatus, ModelInfo } from "../core/backend.ts";
import { systemClock } from "../core/clock.ts";
import type { EmbeddingRequest, Embeddings } from "../core/embedding.ts";
import { failure, MillraceError } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { Scheduling } from "../core/scheduling.ts";
import type { TextQuestion, TextReply } from "../core/text-question.ts";
import type { EngineInfo } from "../engine/engine.ts";
import type { EngineSpec } from "../engine/open.ts";
import type { StepReport } from "../scheduler/step-loop.ts";
import type { CpuShare, CpuShares } from "./cpu-shares.ts";
import { CrashLoop } from "./crash-loop.ts";
import { EmbeddingCall } from "./embedding-call.ts";
import { EngineChild, type EngineEnd, type EngineNews } from "./engine-child.ts";
import { GenerationStream } from "./generation-stream.ts";
import { livenessLimits, type LivenessLimits } from "./liveness.ts";
import { Questions } from "./questions.ts";
import { Roster } from "./roster.ts";
import { spawnEngine } from "./spawn-engine.ts";

const closeGraceMs = 2000;
/** An engine that was never ready and died so often will not be. */
const deathsBeforeGivingUp = 3;

export interface EngineHostOptions {
  /** The name that clients ask for. */
  readonly modelId: string;
  readonly scheduling: Scheduling;
  readonly logger: Logger;
  readonly limits?: LivenessLimits;
  /** Where it gets its share of the cores. Without it, it has all threads of its plan always. */
  readonly cpuShares?: CpuShares;
}

interface Problem {
  readonly error: MillraceError;
  /** Its words, to be put behind others. */
  readonly problem: string;
}

type State =
  | { readonly type: "loading"; readonly progress: number }
  | { readonly type: "ready"; readonly since: number }
  /** Its process is gone and will be started again. */
  | ({ readonly type: "down" } & Problem)
  /** Its process could not be started and will not be. */
  | ({ readonly type: "failed" } & Problem)
  | { readonly type: "closed" };

/** Why no request is taken although the engine is started again and again. */
interface Outage extends Problem {
  /** When the next attempt is made, on the system's clock in ms. */
  readonly until: number;
}

/**
 * The server's side of an engine: starts its process, gives it requests, and when it dies starts it again, where its
 * requests go on.
 */
export class EngineHost implements Backend {
  readonly #spec: EngineSpec;
  readonly #options: EngineHostOptions;
  readonly #created = Math.floor(Date.now() / 1000);
  readonly #roster = new Roster((isWorking) => this.#share?.want(isWorking ? this.#spec.plan.threads : 0));
  readonly #share: CpuShare | undefined;
  readonly #questions = new Questions();
  readonly #crashLoop = new CrashLoop();
  #scheduling: Scheduling;
  readonly #ready: Promise<void>;
  #settleReady: { resolve: () => void; reject: (error: Error) => void } = { resolve: () => {}, reject: () => {} };
  #child: EngineChild | undefined;
  #state: State = { type: "loading", progress: 0 };
  #info: EngineInfo | undefined;
  /** Those that its steps may use: what the process said last. */
  #threads = 0;
  /** And what it was told last. */
  #threadLimit = 0;
  /** Of those, how many its steps do without. */
  #spared = 0;
  /** How long the requests that waited after the last step will take, in ms. */
  #drainMs = 0;
  /** Why this process could not open the model: it is about to end. */
  #openError: MillraceError | undefined;
  /** The circuit is open. */
  #outage: Outage | undefined;
  #restartTimer: NodeJS.Timeout | undefined;

  private constructor(spec: EngineSpec, options: EngineHostOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#scheduling = options.scheduling;
    this.#share = options.cpuShares?.join((threads) => this.#limitThreads(threads));
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

  /** Threads that its steps may use, as its process said last. While something disturbs them they do with fewer. */
  get threads(): number {
    return this.#threads;
  }

  /** Who is served when, from now on. Memory, ageing and shared prefixes stay as they were at the start. */
  reschedule(scheduling: Scheduling): void {
    const { cacheMemory, ageingMs, sharedPrefixes } = this.#scheduling;
    this.#scheduling = { ...scheduling, cacheMemory, ageingMs, sharedPrefixes };
    this.#child?.send({ type: "schedule", scheduling: this.#scheduling });
  }

  get model(): ModelInfo {
    return { id: this.#options.modelId, created: this.#created, contextLength: this.#info?.contextPerSlot };
  }

  status(): BackendStatus {
    const state = this.#state;
    if (state.type === "ready") return { state: "ready" };
    if (state.type === "closed") return { state: "failed", error: failure("shutting_down", undefined).toBody() };
    if (state.type === "failed") return { state: "failed", error: state.error.toBody() };
    if (this.#outage !== undefined) return { state: "degraded", error: this.#outage.error.toBody() };
    if (state.type === "loading") return { state: "loading", progress: state.progress };
    return { state: "degraded", error: state.error.toBody() };
  }

  generate(request: GenerationRequest, signal: AbortSignal): AsyncIterableIterator<GenerationEvent, undefined> {
    const connect = (): Roster => {
      if (this.#spec.plan.task === "embed") throw failure("only_embeddings", { model: request.model });
      return this.#connect();
    };
    return new GenerationStream(request, { signal, connect });
  }

  /** See `ServedModel`. A plan to generate makes no vectors: `no_embeddings`. */
  async embed(request: EmbeddingRequest, signal: AbortSignal): Promise<Embeddings> {
    if (this.#spec.plan.task !== "embed") throw failure("no_embeddings", { model: request.model });
    const textsOfCall = this.#spec.plan.slots;
    return await new EmbeddingCall(request, { signal, textsOfCall, connect: () => this.#connect() }).run();
  }

  /** Rejects with a MillraceError; also while the process is being started. */
  async ask(question: TextQuestion): Promise<TextReply> {
    const [state, child] = [this.#state, this.#child];
    if (state.type === "ready" && child !== undefined)
      return await this.#questions.ask(question, (message) => child.send(message));
    const problem = "problem" in state ? state.problem : "it is being started";
    throw failure("engine_unavailable", { problem });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = { type: "closed" };
    clearTimeout(this.#restartTimer);
    const error = failure("shutting_down", undefined);
    this.#settleReady.reject(error);
    this.#roster.failAll(error);
    this.#questions.failAll(error);
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
      onExit: (end) => this.#onExit(end),
    });
    this.#child.send({ type: "open", spec: this.#spec, scheduling: this.#scheduling });
  }

  /** A request that comes while the engine is started again waits with those that go on. */
  #connect(): Roster {
    const state = this.#state;
    if (state.type === "closed") throw failure("shutting_down", undefined);
    if (state.type === "failed") throw failure("engine_unavailable", { problem: state.problem }, state.error);
    if (this.#outage !== undefined) throw unavailable(this.#outage);
    if (this.#info === undefined) {
      if (state.type === "down") throw failure("engine_unavailable", { problem: state.problem }, state.error);
      const progress = state.type === "loading" ? state.progress : 0;
      throw failure("model_loading", { model: this.#options.modelId, loading: { progress, etaSeconds: undefined } });
    }
    this.#refuseWhenFull();
    return this.#roster;
  }

  /** What the engine refuses by tokens is refused here by number: before its prompt is rendered and tokenized. */
  #refuseWhenFull(): void {
    const waiting = this.#roster.size - this.#spec.plan.slots;
    const limit = this.#scheduling.maxQueuedRequests;
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
        for (const event of message.events) this.#roster.deliver(event);
        if (message.report !== undefined) this.#onReport(message.report);
        return;
      case "reply":
        return this.#questions.answer(message.id, message.reply);
      case "request-failed":
        if (!this.#questions.fail(message.id, message.error)) this.#roster.deliver(message);
        return;
    }
  }

  #onReport({ threads, threadLimit, drainMs }: StepReport): void {
    this.#drainMs = drainMs;
    this.#threads = threadLimit;
    this.#watchSpared(threadLimit - threads, threadLimit);
  }

  /** Says so when the engine steps with fewer of the threads that it may use than before, or with more. */
  #watchSpared(spared: number, of: number): void {
    const before = this.#spared;
    this.#spared = spared;
    if (spared === before) return;
    const words = spared > before ? "steps take far longer than predicted: fewer threads" : "more threads again";
    this.#options.logger.info({ threads: of - spared, of }, words);
  }

  #limitThreads(threads: number): void {
    if (threads === this.#threadLimit || this.#state.type !== "ready") return;
    this.#threadLimit = threads;
    this.#options.logger.debug({ threads }, "the engine's share of the cores has changed");
    this.#child?.send({ type: "threads", threads });
  }

  #onReady(info: EngineInfo): void {
    this.#info = info;
    this.#threads = this.#spec.plan.threads;
    this.#threadLimit = this.#threads;
    this.#spared = 0;
    this.#state = { type: "ready", since: systemClock.now() };
    this.#options.logger.info({ pid: this.pid, ...info }, "the engine is ready");
    this.#settleReady.resolve();
    this.#outage = undefined;
    const child = this.#child!;
    this.#roster.onReady((message) => child.send(message));
  }

  #onExit(end: EngineEnd): void {
    const before = this.#state;
    const openError = this.#openError && withFault(this.#openError, end.fault);
    this.#child = undefined;
    this.#openError = undefined;
    if (before.type === "closed") return;
    const error = openError ?? failure("engine_failed", { problem: end.problem });
    const problem = openError?.message ?? end.problem;
    this.#questions.failAll(failure("engine_unavailable", { problem }));
    const readyMs = before.type === "ready" ? systemClock.now() - before.since : 0;
    const life = { readyMs, byItself: end.byItself, ...this.#roster.onDeath(end) };
    const { delayMs, open } = this.#crashLoop.died(life);
    const hopeless = openError !== undefined || this.#crashLoop.deaths >= deathsBeforeGivingUp;
    if (this.#info === undefined && hopeless) return this.#giveUp({ error, problem });
    this.#state = { type: "down", error, problem };
    if (open) this.#openCircuit({ error, problem, until: systemClock.now() + delayMs });
    const fields = { err: error, goOn: this.#roster.size };
    this.#options.logger.error(fields, `the engine ended; it is started again in ${delayMs / 1000} s`);
    this.#restartTimer = setTimeout(() => this.#start(), delayMs);
  }

  #giveUp(problem: Problem): void {
    this.#state = { type: "failed", ...problem };
    this.#options.logger.error({ err: problem.error }, "the engine cannot be started");
    this.#settleReady.reject(problem.error);
  }

  /** Nobody is to wait for an engine that dies again and again: not those that wait already, and no new ones. */
  #openCircuit(outage: Outage): void {
    this.#outage = outage;
    this.#roster.failAll(unavailable(outage));
  }
}

/** The engine's error and what native code wrote to its log: only that knows what is wrong with a file. */
function withFault(error: MillraceError, fault: string | undefined): MillraceError {
  if (fault === undefined) return error;
  return new MillraceError({ ...error.toBody(), message: `${error.message}: ${fault}` }, error);
}

function unavailable({ error, problem, until }: Outage): MillraceError {
  const retryAfter = Math.max(1, (until - systemClock.now()) / 1000);
  return failure("engine_unavailable", { problem, retryAfter }, error);
}
