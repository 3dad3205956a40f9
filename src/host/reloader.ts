import type { Logger } from "pino";
import { modelName, type LiveConfig, type Reloaded } from "../config/live-config.ts";
import type { Config } from "../config/schema.ts";
import { toMillraceError } from "../core/errors.ts";
import type { ModelPool } from "./model-pool.ts";
import type { ModelSpec } from "./pooled-model.ts";

export interface ReloaderOptions {
  readonly live: LiveConfig;
  readonly pool: ModelPool;
  /** What each model of the configuration is called now. */
  readonly ids: ReadonlyMap<string, string>;
  /** Of a model that is loaded later. Throws what is wrong with it. */
  readonly specOf: (config: Config) => Promise<ModelSpec>;
  readonly setLogLevel: (level: string) => void;
  readonly logger: Logger;
}

/** Takes over, in a running server, what has changed in its configuration: all that can change, or nothing. */
export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #ids: Map<string, string>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#ids = new Map(options.ids);
  }

  /** One after the other. Throws, and logs, what is wrong with the new configuration; nothing has changed then. */
  async reload(): Promise<Reloaded> {
    const mine = this.#last.then(() => this.#reload());
    this.#last = mine.catch(() => {});
    return await mine;
  }

  async #reload(): Promise<Reloaded> {
    const { live, pool, setLogLevel, logger } = this.#options;
    try {
      const change = live.compare();
      const specs: ModelSpec[] = [];
      for (const { config } of change.next.models) specs.push(await this.#specOf(config));
      pool.replace(specs);
      live.take(change);
      setLogLevel(live.current.logLevel);
      const { applied, needRestart } = change;
      logger[needRestart.length > 0 ? "warn" : "info"]({ applied, needRestart }, "the configuration was read again");
      return { applied, needRestart };
    } catch (error) {
      logger.error({ problem: toMillraceError(error).message }, "the configuration could not be read again");
      throw error;
    }
  }

  /** A model keeps the name that it has, though its file may be called otherwise by now. */
  async #specOf(config: Config): Promise<ModelSpec> {
    const key = modelName(config);
    const known = this.#ids.get(key);
    const spec = await this.#options.specOf(known === undefined ? config : { ...config, name: known });
    this.#ids.set(key, spec.id);
    return spec;
  }
}
