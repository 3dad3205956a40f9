import { join } from "node:path";
import { inspect } from "node:util";
import { failure } from "../core/errors.ts";
import { millraceHome } from "../core/home-folder.ts";
import { defaultScheduling } from "../core/scheduling.ts";
import { readDotEnv } from "./dot-env.ts";
import { configFileVariable, configKeys, fields } from "./fields.ts";
import { fileLayers, modelsKey, type FileLayers } from "./file-layer.ts";
import {
  flagLayer,
  foreignVariableLayer,
  ownVariableLayer,
  variablesOf,
  type Flags,
  type Layer,
  type Origin,
  type Variables,
} from "./layers.ts";
import { configSchema, type Config, type ConfigKey } from "./schema.ts";

/** The settings of one model, with those that hold for the whole server. */
interface ModelSettings {
  readonly config: Config;
  readonly origins: Readonly<Record<ConfigKey, Origin>>;
}

/** Those of the first model, and of all. */
export interface LoadedConfig extends ModelSettings {
  /** At least one; a server without a list has the one that its settings describe. */
  readonly models: readonly ModelSettings[];
}

/**
 * The settings of this run: defaults < other servers' variables < file < an entry of the file's list of models < `.env` <
 * environment < options. Parsed once, deep-frozen. Anything unknown or out of range throws `invalid_config`, which names
 * key, value, where it came from and what is accepted. The `.env` is that of `folder`; without one, none is read.
 */
export function loadConfig(flags: Flags, environment: NodeJS.ProcessEnv, folder?: string): LoadedConfig {
  const dotEnv: Variables = { layer: ".env", list: folder === undefined ? [] : readDotEnv(join(folder, ".env")) };
  const variables = variablesOf(environment);
  const path = flags.config ?? (environment[configFileVariable] || configFileIn(dotEnv));
  const file: FileLayers = path === undefined ? { shared: new Map(), models: undefined } : fileLayers(path);
  const weak = [
    ...defaults(environment),
    // Names that may be meant for another program are weaker than anything that is surely meant for this one.
    ...foreignVariableLayer(dotEnv),
    ...foreignVariableLayer(variables),
    ...file.shared,
  ];
  const strong = new Map([...ownVariableLayer(dotEnv), ...ownVariableLayer(variables), ...flagLayer(flags)]);
  assertOneIsMeant(strong, file);
  const layers = file.models?.layers ?? [new Map()];
  const models = layers.map((layer) => checked(new Map([...weak, ...layer, ...strong])));
  return deepFreeze({ ...models[0]!, models });
}

/** What names one model can stand for none of several. */
function assertOneIsMeant(strong: Layer, { models }: FileLayers): void {
  if (models === undefined || models.layers.length === 1) return;
  for (const key of ["model", "name"] as const) {
    const place = strong.get(key)?.origin.place;
    if (place === undefined) continue;
    const problem = `${place} is about one model, and ${modelsKey} (${models.place}) lists ${models.layers.length}; leave out one of the two`;
    throw failure("invalid_config", { problem });
  }
}

function checked(settings: Layer): ModelSettings {
  const parsed = configSchema.safeParse(Object.fromEntries([...settings].map(([key, { value }]) => [key, value])));
  if (!parsed.success) {
    const wrong = new Set(parsed.error.issues.map((issue) => issue.path[0] as ConfigKey));
    throw failure("invalid_config", { problem: [...wrong].map((key) => describe(key, settings)).join("; ") });
  }
  const origins = Object.fromEntries([...settings].map(([key, { origin }]) => [key, origin]));
  return { config: parsed.data, origins: origins as Record<ConfigKey, Origin> };
}

function configFileIn({ list }: Variables): string | undefined {
  return list.findLast(({ name }) => name === configFileVariable)?.text || undefined;
}

function defaults(environment: NodeJS.ProcessEnv): Layer {
  const values: Config = {
    model: "smollm2-135m-instruct",
    device: "auto",
    load: "eager",
    keepAlive: "auto",
    replicas: 1,
    host: "127.0.0.1",
    port: 8000,
    parallel: 8,
    context: 2048,
    fit: false,
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
    modelMemory: "auto",
    slowClientTimeout: 30,
    ssePingInterval: 15,
    requestTimeout: 0,
    drainTimeout: 30,
    apiKeys: [],
    insecure: false,
    corsOrigins: [],
    replayTiming: false,
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
