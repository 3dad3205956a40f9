import { homedir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { failure } from "../core/errors.ts";
import { configFileVariable, configKeys, fields } from "./fields.ts";
import { fileLayer } from "./file-layer.ts";
import { environmentLayer, flagLayer, type Flags, type Layer, type Origin, type Setting } from "./layers.ts";
import { configSchema, type Config, type ConfigKey } from "./schema.ts";

export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Readonly<Record<ConfigKey, Origin>>;
}

/**
 * The settings of this run: defaults < file < environment < options. Parsed once, deep-frozen. Anything unknown or out
 * of range throws `invalid_config`, which names key, value, where it came from and what is accepted.
 */
export function loadConfig(flags: Flags, environment: NodeJS.ProcessEnv): LoadedConfig {
  const path = flags.config ?? (environment[configFileVariable] || undefined);
  const settings = new Map<ConfigKey, Setting>([
    ...defaults(environment),
    ...(path === undefined ? [] : fileLayer(path)),
    ...environmentLayer(environment),
    ...flagLayer(flags),
  ]);
  const parsed = configSchema.safeParse(Object.fromEntries([...settings].map(([key, { value }]) => [key, value])));
  if (!parsed.success) {
    const wrong = new Set(parsed.error.issues.map((issue) => issue.path[0] as ConfigKey));
    throw failure("invalid_config", { problem: [...wrong].map((key) => describe(key, settings)).join("; ") });
  }
  const origins = Object.fromEntries([...settings].map(([key, { origin }]) => [key, origin]));
  return { config: deepFreeze(parsed.data), origins: deepFreeze(origins as Record<ConfigKey, Origin>) };
}

function defaults(environment: NodeJS.ProcessEnv): Layer {
  const values: Config = {
    model: "smollm2-135m-instruct",
    host: "127.0.0.1",
    port: 8000,
    parallel: 8,
    context: 2048,
    threads: "auto",
    engine: "llama",
    apiKeys: [],
    insecure: false,
    logLevel: "info",
    home: join(dataFolder(environment), "millrace"),
  };
  return new Map(
    configKeys.map((key) => [key, { value: values[key], origin: { layer: "default", place: "default" } }]),
  );
}

/** Where this system keeps a user's data: XDG's base directory, Windows' local application data. */
function dataFolder(environment: NodeJS.ProcessEnv): string {
  const named = process.platform === "win32" ? environment["LOCALAPPDATA"] : environment["XDG_DATA_HOME"];
  return named || join(homedir(), ".local", "share");
}

function describe(key: ConfigKey, settings: Layer): string {
  const { value, origin } = settings.get(key)!;
  const shown =
    fields[key].secret === true ? "not valid" : shorten(inspect(value, { depth: 1, breakLength: Infinity }));
  return `${fields[key].file} is ${shown} (from ${origin.place}); accepted: ${configSchema.shape[key].description}`;
}

const shorten = (text: string) => (text.length > 80 ? `${text.slice(0, 77)}...` : text);

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}
