import { join } from "node:path";
import { inspect } from "node:util";
import { failure } from "../core/errors.ts";
import { millraceHome } from "../core/home-folder.ts";
import { defaultScheduling } from "../core/scheduling.ts";
import { readDotEnv } from "./dot-env.ts";
import { configFileVariable, configKeys, fields } from "./fields.ts";
import { fileLayer } from "./file-layer.ts";
import {
  flagLayer,
  foreignVariableLayer,
  ownVariableLayer,
  variablesOf,
  type Flags,
  type Layer,
  type Origin,
  type Setting,
  type Variables,
} from "./layers.ts";
import { configSchema, type Config, type ConfigKey } from "./schema.ts";

export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Readonly<Record<ConfigKey, Origin>>;
}

/**
 * The settings of this run: defaults < other servers' variables < file < `.env` < environment < options. Parsed once,
 * deep-frozen. Anything unknown or out of range throws `invalid_config`, which names key, value, where it came from and
 * what is accepted. The `.env` is that of `folder`; without one, none is read.
 */
export function loadConfig(flags: Flags, environment: NodeJS.ProcessEnv, folder?: string): LoadedConfig {
  const dotEnv: Variables = { layer: ".env", list: folder === undefined ? [] : readDotEnv(join(folder, ".env")) };
  const variables = variablesOf(environment);
  const path = flags.config ?? (environment[configFileVariable] || configFileIn(dotEnv));
  const settings = new Map<ConfigKey, Setting>([
    ...defaults(environment),
    // Names that may be meant for another program are weaker than anything that is surely meant for this one.
    ...foreignVariableLayer(dotEnv),
    ...foreignVariableLayer(variables),
    ...(path === undefined ? [] : fileLayer(path)),
    ...ownVariableLayer(dotEnv),
    ...ownVariableLayer(variables),
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

function configFileIn({ list }: Variables): string | undefined {
  return list.findLast(({ name }) => name === configFileVariable)?.text || undefined;
}

function defaults(environment: NodeJS.ProcessEnv): Layer {
  const values: Config = {
    model: "smollm2-135m-instruct",
    device: "auto",
    host: "127.0.0.1",
    port: 8000,
    parallel: 8,
    context: 2048,
    threads: "auto",
    engine: "llama",
    policy: defaultScheduling.policy,
    targetItl: "3x",
    cacheMemory: "auto",
    maxQueue: defaultScheduling.maxQueuedRequests,
    maxQueuedTokens: defaultScheduling.maxQueuedTokens,
    turnTokens: defaultScheduling.turnTokens,
    ageing: defaultScheduling.ageingMs / 1000,
    sharedPrefixes: [],
    slowClientTimeout: 30,
    ssePingInterval: 15,
    requestTimeout: 0,
    apiKeys: [],
    insecure: false,
    corsOrigins: [],
    logLevel: "info",
    home: millraceHome(environment),
  };
  return new Map(
    configKeys.map((key) => [key, { value: values[key], origin: { layer: "default", place: "default" } }]),
  );
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
