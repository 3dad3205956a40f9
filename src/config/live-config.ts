import { isDeepStrictEqual } from "node:util";
import { assertBindAllowed } from "./bind.ts";
import { configKeys, fields } from "./fields.ts";
import type { Config, ConfigKey } from "./schema.ts";

/** The configuration of a server. */
export interface ServerConfig {
  /** For the settings of the whole server. */
  readonly config: Config;
  /** Of each model, those of the server included. At least one. */
  readonly models: readonly { readonly config: Config }[];
}

/** What became of a configuration that was read again: what has changed, by its names in the file. */
export interface Reloaded {
  readonly applied: readonly string[];
  /** They change when the server is started again. */
  readonly needRestart: readonly string[];
}

/** What a configuration that was read again would change. */
export interface Change extends Reloaded {
  readonly next: ServerConfig;
}

interface Merged {
  readonly config: Config;
  readonly applied: readonly ConfigKey[];
  readonly needRestart: readonly ConfigKey[];
}

const serverKeys = configKeys.filter((key) => fields[key].perModel !== true);
const modelKeys = configKeys.filter((key) => fields[key].perModel === true);

/** The configuration of a running server, a part of which can change. */
export class LiveConfig {
  readonly #read: () => ServerConfig;
  #current: ServerConfig;

  /** `read` gives the configuration as it is now, or throws. */
  constructor(start: ServerConfig, read: () => ServerConfig) {
    this.#current = start;
    this.#read = read;
  }

  get current(): Config {
    return this.#current.config;
  }

  /**
   * Reads it again, and changes nothing. Throws what is wrong with it: `invalid_config`, and `open_bind` if it would leave
   * the server without keys at an address that others can reach.
   */
  compare(): Change {
    const read = this.#read();
    const server = merge(this.#current.config, read.config, serverKeys);
    assertBindAllowed(server.config);
    const before = new Map(this.#current.models.map(({ config }) => [modelName(config), config]));
    const inServer = pick(server.config, serverKeys);
    const models = read.models.map(({ config }) => {
      const running = before.get(modelName(config));
      const all = running === undefined ? { config, applied: [], needRestart: [] } : merge(running, config, modelKeys);
      return { ...all, config: { ...all.config, ...inServer } };
    });
    const several = Math.max(before.size, models.length) > 1;
    const namesIn = (kind: "applied" | "needRestart") => [
      ...server[kind].map((key) => fields[key].file),
      ...models.flatMap((one) =>
        one[kind].map((key) => (several ? `${fields[key].file} of ${modelName(one.config)}` : fields[key].file)),
      ),
    ];
    const after = new Set(models.map(({ config }) => modelName(config)));
    const added = [...after].filter((name) => !before.has(name)).map((name) => `model ${name} added`);
    const removed = [...before.keys()].filter((name) => !after.has(name)).map((name) => `model ${name} removed`);
    return {
      next: { config: server.config, models: models.map(({ config }) => ({ config })) },
      applied: [...namesIn("applied"), ...added, ...removed],
      needRestart: namesIn("needRestart"),
    };
  }

  /** From now on the configuration is the one that `compare` gave. */
  take({ next }: Change): void {
    this.#current = next;
  }
}

/** By what a model is known from one configuration to the next. */
export function modelName({ name, model }: Config): string {
  return name ?? model;
}

/** The running configuration with those of `keys` changed that may change. */
function merge(running: Config, read: Config, keys: readonly ConfigKey[]): Merged {
  const changed = keys.filter((key) => !isDeepStrictEqual(read[key], running[key]));
  const applied = changed.filter((key) => fields[key].live === true);
  const needRestart = changed.filter((key) => !applied.includes(key));
  return { config: { ...running, ...pick(read, applied) }, applied, needRestart };
}

function pick(config: Config, keys: readonly ConfigKey[]): Partial<Config> {
  return Object.fromEntries(keys.map((key) => [key, config[key]]));
}
