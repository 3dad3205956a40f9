import type { Logger } from "pino";
import { failure } from "../core/errors.ts";
import type { ModelReport, Models } from "../core/models.ts";
import type { MemoryGauge } from "./memory-gauge.ts";
import { ModelRoom } from "./model-room.ts";
import { ModelWatchers } from "./model-watchers.ts";
import { PooledModel, type ModelSpec } from "./pooled-model.ts";

export interface ModelPoolOptions {
  readonly memory: MemoryGauge;
  readonly logger: Logger;
}

/** All models of a server. It owns which of them are in memory. */
export class ModelPool implements Models, AsyncDisposable {
  readonly #watchers = new ModelWatchers(() => this.reports());
  readonly #newModel: (spec: ModelSpec) => PooledModel;
  /** Not served any more, and not yet out of memory. */
  readonly #retiring = new Set<PooledModel>();
  #served: readonly [PooledModel, ...PooledModel[]];
  #closed = false;

  /** At least one model; nothing is loaded before `start`. Two of one name throw `invalid_config`. */
  constructor(specs: readonly ModelSpec[], { memory, logger }: ModelPoolOptions) {
    assertDistinct(specs.map(({ id }) => id));
    const room = new ModelRoom(
      () => this.#all,
      () => memory.budget(this.#all.flatMap(({ pids }) => pids)),
    );
    const onChange = (model: PooledModel) => this.#all.includes(model) && this.#watchers.tell(model.report());
    this.#newModel = (spec) => {
      const child = logger.child({ model: spec.id });
      return new PooledModel(spec, { room, memoryHeld: memory.held, onChange, logger: child });
    };
    const [first, ...others] = specs.map(this.#newModel);
    this.#served = [first!, ...others];
  }

  get served(): readonly [PooledModel, ...PooledModel[]] {
    return this.#served;
  }

  /** Begins to load those that are not loaded on demand, in the order of the configuration. */
  start(): void {
    for (const model of this.#eager) model.load();
  }

  /** Names of those that `start` loads. */
  get loading(): readonly string[] {
    return this.#eager.map(({ id }) => id);
  }

  /** Resolves when all that `start` began is loaded. Rejects with the first MillraceError that prevents it. */
  async ready(): Promise<void> {
    await Promise.all(this.#eager.map((model) => model.whenLoaded()));
  }

  /**
   * From now on these are served. Models of the same name stay what they are and go on with the new settings; what is new,
   * or was loaded on demand, is loaded unless that is for a request to do; what is missing gets no more requests, and is
   * unloaded when those that it has, or that wait for it, are answered. Two of one name throw `invalid_config`, and a pool
   * that is closed `shutting_down`; nothing has changed then.
   */
  replace(specs: readonly ModelSpec[]): void {
    assertDistinct(specs.map(({ id }) => id));
    if (this.#closed) throw failure("shutting_down", undefined);
    const eager = new Set(this.loading);
    const before = new Map(this.#served.map((model) => [model.id, model]));
    const [first, ...others] = specs.map((spec) => {
      const model = before.get(spec.id);
      model?.configure(spec);
      return model ?? this.#newModel(spec);
    });
    this.#served = [first!, ...others];
    for (const model of this.#eager) if (!eager.has(model.id)) model.load();
    for (const model of before.values()) if (!this.#served.includes(model)) void this.#retire(model);
  }

  reports(): readonly ModelReport[] {
    return this.served.map((model) => model.report());
  }

  load(id: string): ModelReport {
    const model = this.#find(id);
    model.load();
    return model.report();
  }

  unload(id: string): ModelReport {
    const model = this.#find(id);
    model.unload();
    return model.report();
  }

  watch(onChange: (report: ModelReport) => void): () => void {
    return this.#watchers.add(onChange);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#all.map((model) => model[Symbol.asyncDispose]()));
  }

  async #retire(model: PooledModel): Promise<void> {
    this.#retiring.add(model);
    await model.retire();
    this.#retiring.delete(model);
    await model[Symbol.asyncDispose]();
  }

  get #all(): readonly PooledModel[] {
    return [...this.#served, ...this.#retiring];
  }

  get #eager(): readonly PooledModel[] {
    return this.served.filter(({ onDemand }) => !onDemand);
  }

  #find(id: string): PooledModel {
    const found = this.served.find((model) => model.id === id);
    if (found !== undefined) return found;
    const available = this.served.map((model) => model.id).join(", ");
    throw failure("model_not_found", { model: id, available });
  }
}

function assertDistinct(ids: readonly string[]): void {
  const twice = ids.find((id, index) => ids.indexOf(id) < index);
  if (twice === undefined) return;
  throw failure("invalid_config", { problem: `two models are called '${twice}'; give one of them another name` });
}
