import { isDeepStrictEqual } from "node:util";
import { assertBindAllowed } from "./bind.ts";
import { configKeys, fields } from "./fields.ts";
import type { Config, ConfigKey } from "./schema.ts";

/** What became of a configuration that was read again: settings that have changed, by their names in the file. */
export interface Reloaded {
  readonly applied: readonly string[];
  /** They change when the server is started again. */
  readonly needRestart: readonly string[];
}

/** The configuration of a running server, a part of which can change. */
export class LiveConfig {
  readonly #read: () => Config;
  #current: Config;

  /** `read` gives the configuration as it is now, or throws. */
  constructor(start: Config, read: () => Config) {
    this.#current = start;
    this.#read = read;
  }

  get current(): Config {
    return this.#current;
  }

  /** Throws what is wrong with the new configuration (`invalid_config`, `open_bind`); nothing has changed then. */
  reload(): Reloaded {
    const read = this.#read();
    const changed = configKeys.filter((key) => !isDeepStrictEqual(read[key], this.#current[key]));
    const applied = changed.filter((key) => fields[key].live === true);
    const next = { ...this.#current, ...Object.fromEntries(applied.map((key) => [key, read[key]])) };
    assertBindAllowed(next);
    this.#current = Object.freeze(next);
    return { applied: namesOf(applied), needRestart: namesOf(changed.filter((key) => !applied.includes(key))) };
  }
}

function namesOf(keys: readonly ConfigKey[]): string[] {
  return keys.map((key) => fields[key].file);
}
