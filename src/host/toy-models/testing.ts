import { pino } from "pino";
import type { BackendStatus } from "../../core/backend.ts";
import { defaultPlan, type ExecutionPlan } from "../../core/execution-plan.ts";
import type { EmbeddingRequest, Embeddings } from "../../core/embedding.ts";
import { failure } from "../../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../../core/generation.ts";
import { defaultScheduling, type Scheduling } from "../../core/scheduling.ts";
import type { TextReply } from "../../core/text-question.ts";
import type { Lease } from "../leased-stream.ts";
import { ModelPool } from "../model-pool.ts";
import type { Claim } from "../model-claim.ts";
import type { ModelSpec } from "../pooled-model.ts";
import type { Engines } from "../replicas.ts";

/** A model whose engines are timers: time and memory are what a test says. */
export interface ToyModel {
  readonly id: string;
  readonly bytes: number;
  /** What it turns out to hold; default = `bytes`. */
  readonly held?: number;
  readonly loadMs: number;
  readonly keepAliveMs: number;
  readonly onDemand: boolean;
  readonly loadFails?: boolean;
  readonly mostWaiting?: number;
  readonly turnTokens?: number;
  /** Default = generate; and whether that is known before it is loaded. */
  readonly task?: ExecutionPlan["task"];
  readonly taskIsKnown?: boolean;
  /** To how many bytes its cache, and it itself, may be made smaller; default = not at all. */
  readonly withoutCache?: number;
  readonly least?: number;
}

export const aToy = (over: Partial<ToyModel> = {}): ToyModel => ({
  id: "toy",
  bytes: 100,
  loadMs: 1000,
  keepAliveMs: 60_000,
  onDemand: true,
  ...over,
});

class ToyEngines implements Engines {
  readonly pids: readonly number[];
  readonly info = undefined;
  readonly #world: ToyWorld;
  readonly #model: ToyModel;
  readonly #began = performance.now();
  readonly #loaded: Promise<void>;
  #giveUp: (error: Error) => void = () => {};
  running = 0;
  turnTokens: number;

  constructor(world: ToyWorld, model: ToyModel, pid: number) {
    this.#world = world;
    this.#model = model;
    this.turnTokens = model.turnTokens ?? 0;
    this.pids = [pid];
    this.#loaded = new Promise((resolve, reject) => {
      this.#giveUp = reject;
      setTimeout(
        () => (model.loadFails === true ? reject(failure("engine_failed", { problem: "a toy broke" })) : resolve()),
        model.loadMs,
      );
    });
    this.#loaded.catch(() => {});
  }

  get held(): number {
    return this.#model.held ?? this.#model.bytes;
  }

  ready(): Promise<void> {
    return this.#loaded;
  }

  status(): BackendStatus {
    const progress = (performance.now() - this.#began) / this.#model.loadMs;
    return progress < 1 ? { state: "loading", progress } : { state: "ready" };
  }

  reschedule({ turnTokens }: Scheduling): void {
    this.turnTokens = turnTokens;
  }

  lease(): Lease {
    this.running++;
    return { backend: this, release: () => void this.running-- };
  }

  async ask(): Promise<TextReply> {
    return { tokens: [] };
  }

  /** Takes `maxTokens` ms. */
  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    yield { type: "admitted", promptTokens: [1] };
    await new Promise<void>((resolve, reject) => {
      setTimeout(resolve, request.maxTokens);
      signal.addEventListener("abort", () => reject(failure("request_cancelled", undefined)));
    });
    const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1 };
    yield { type: "finished", reason: "stop", usage };
  }

  /** Takes a ms for each text. */
  async embed({ inputs }: EmbeddingRequest): Promise<Embeddings> {
    await new Promise((resolve) => setTimeout(resolve, inputs.length));
    return { vectors: inputs.map(() => Float32Array.of(1)), promptTokens: inputs.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running > 0) this.#world.broken.push(`${this.#model.id} ended with ${this.running} requests running`);
    this.#giveUp(failure("shutting_down", undefined));
    await new Promise((resolve) => setTimeout(resolve, 10));
    this.#world.engines.delete(this.pids[0]!);
  }
}

/** A pool of toys on a machine with `budget` bytes. Time is vitest's: `vi.useFakeTimers()` goes before it. */
export class ToyWorld {
  readonly pool: ModelPool;
  /** Processes by their id. */
  readonly engines = new Map<number, ToyEngines>();
  /** How often each model was loaded. */
  readonly loads = new Map<string, number>();
  /** What must never happen and did. */
  readonly broken: string[] = [];
  readonly #budget: number;
  #pids = 0;

  constructor(budget: number, models: readonly ToyModel[]) {
    this.#budget = budget;
    const held = (pids: readonly number[]) => {
      const bytes = pids.reduce((sum, pid) => sum + (this.engines.get(pid)?.held ?? 0), 0);
      return bytes === 0 ? undefined : { anonymous: bytes, resident: bytes };
    };
    const memory = { budget: () => budget, held };
    const logger = pino({ level: "silent" });
    this.pool = new ModelPool(
      models.map((model) => this.#specOf(model)),
      { memory, logger },
    );
  }

  /** Bytes of all processes. */
  get held(): number {
    return [...this.engines.values()].reduce((sum, { held }) => sum + held, 0);
  }

  /** A request that runs for `ms`. Resolves to "finished", or to the code of its error. */
  async ask(id: string, ms: number, over: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<string> {
    const request = { id: "r", model: id, maxTokens: ms, timeoutMs: over.timeoutMs } as GenerationRequest;
    const model = this.pool.served.find((one) => one.id === id)!;
    try {
      let last = "";
      for await (const event of model.generate(request, over.signal ?? new AbortController().signal)) last = event.type;
      return last;
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  }

  /** The configuration has been read again. */
  replace(models: readonly ToyModel[]): void {
    this.pool.replace(models.map((model) => this.#specOf(model)));
  }

  /** "a:ready b:unloaded" */
  get states(): string {
    return this.pool
      .reports()
      .map(({ id, state }) => `${id}:${state}`)
      .join(" ");
  }

  #specOf(model: ToyModel): ModelSpec {
    const { id, onDemand, keepAliveMs, mostWaiting = 100, turnTokens = 0 } = model;
    const wanted = { ...toyClaim(model, model.bytes).load, mayShrink: "nothing" } as const;
    const prepared = { id, wanted, header: undefined, hasChatTemplate: true, recommended: {} };
    return {
      id,
      onDemand,
      task: model.taskIsKnown === true ? wanted.plan.task : undefined,
      keepAliveMs,
      replicas: 1,
      scheduling: { ...defaultScheduling, turnTokens },
      mostWaiting,
      defaultsOver: (recommended) => recommended,
      recommended: {},
      prepare: async () => ({ ...prepared, [Symbol.dispose]() {} }),
      claim: () => toyClaim(model, model.bytes),
      start: (_, { cacheMemory }) => this.#start({ ...model, bytes: cacheMemory }),
    };
  }

  #start(model: ToyModel): Engines {
    const engines = new ToyEngines(this, model, ++this.#pids);
    this.engines.set(this.#pids, engines);
    this.loads.set(model.id, (this.loads.get(model.id) ?? 0) + 1);
    if (this.held > this.#budget) this.broken.push(`${this.held} of ${this.#budget} bytes are held`);
    return engines;
  }
}

/** All of a toy is cache. */
function toyClaim(model: ToyModel, bytes: number): Claim {
  const { id, task = "generate", withoutCache = model.bytes, least = withoutCache } = model;
  const shrunk = (available: number, from: number) =>
    available < from ? undefined : toyClaim(model, Math.min(model.bytes, available));
  return {
    load: { plan: { ...defaultPlan(id, 1), task }, cacheMemory: bytes },
    bytes,
    droppable: 0,
    withLessCache: (available) => shrunk(available, withoutCache),
    within: (available) => {
      const claim = shrunk(available, least);
      if (claim !== undefined) return claim;
      throw failure("model_too_large", { needed: `${model.bytes}`, available: `${available}`, advice: "get more" });
    },
  };
}
