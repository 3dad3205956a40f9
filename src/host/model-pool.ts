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
  readonly served: readonly [PooledModel, ...PooledModel[]];
  readonly #watchers = new ModelWatchers(() => this.reports());

  /** At least one model; nothing is loaded before `start`. Two of one name throw `invalid_config`. */
  constructor(specs: readonly ModelSpec[], { memory, logger }: ModelPoolOptions) {
    assertDistinct(specs.map(({ id }) => id));
    const room = new ModelRoom(
      () => this.served,
      () => memory.budget(this.served.flatMap(({ pids }) => pids)),
    );
    const onChange = (model: PooledModel) => this.#watchers.tell(model.report());
    const [first, ...others] = specs.map((spec) => {
      const child = logger.child({ model: spec.id });
      return new PooledModel(spec, { room, memoryHeld: memory.held, onChange, logger: child });
    });
    this.served = [first!, ...others];
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
    await Promise.all(this.served.map((model) => model[Symbol.asyncDispose]()));
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
