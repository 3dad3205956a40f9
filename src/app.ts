import { once } from "node:events";
import { getPriority, setPriority } from "node:os";
import { assertBindAllowed } from "./config/bind.ts";
import { LiveConfig, modelName } from "./config/live-config.ts";
import type { LoadedConfig } from "./config/load-config.ts";
import type { Config } from "./config/schema.ts";
import type { Backend } from "./core/backend.ts";
import { failure } from "./core/errors.ts";
import type { ExecutionPlan } from "./core/execution-plan.ts";
import { defaultScheduling } from "./core/scheduling.ts";
import type { Engine, EngineInfo } from "./engine/engine.ts";
import { silenceNativeLog } from "./engine/llama/native-log.ts";
import { openEngine } from "./engine/open.ts";
import { threadsForThisMachine } from "./host/cpu-quota.ts";
import { Recorder } from "./host/recordings/recorder.ts";
import { withRecordings } from "./host/recordings/replayed-model.ts";
import { CpuShares } from "./host/cpu-shares.ts";
import { memoryGauge } from "./host/memory-gauge.ts";
import { ModelPool } from "./host/model-pool.ts";
import { modelSpec } from "./host/model-specs.ts";
import { threadsFor } from "./host/plan-for.ts";
import type { ModelSpec, PooledModel } from "./host/pooled-model.ts";
import { prepareModel, pullModel, type PullOptions } from "./host/prepare-model.ts";
import { checkedQuantization, quantizeInChild } from "./host/quantize-child.ts";
import { Reloader } from "./host/reloader.ts";
import { LocalBackend } from "./inference/local-backend.ts";
import { availableMemory } from "./model/available-memory.ts";
import { differenceInWords, fitLoad } from "./model/fit-load.ts";
import { quantizedSize } from "./model/quantized-size.ts";
import { createLog } from "./telemetry/log.ts";

/** The largest body that is read: far beyond any context. */
const bodyLimit = 16 * 1024 * 1024;
/** The server's nice value: a step of the engine waits for its slowest thread, the server can wait. */
const serverPriority = 10;

/** What `doctor` looks at. */
export { servingFacts, type ServingFacts } from "./host/serving-facts.ts";

export type { PullOptions } from "./host/prepare-model.ts";

/** A server that answers, in the words that its banner needs. */
export interface Served {
  readonly url: string;
  /** In the order of the configuration. */
  readonly models: readonly ModelSummary[];
  readonly needsKey: boolean;
  /** The folders in which it records, or from which it replays. */
  readonly record?: string | undefined;
  readonly replay?: string | undefined;
}

export interface ModelSummary {
  readonly id: string;
  /** Undefined = it is loaded when a request names it. */
  readonly loaded:
    | {
        readonly plan: ExecutionPlan;
        /** What it has less than was configured, so that it fits into memory, in words; empty = nothing. */
        readonly less: string;
        readonly info: EngineInfo;
        readonly hasChatTemplate: boolean;
      }
    | undefined;
}

interface ServeOptions extends PullOptions {
  /** The configuration as it is now; throws `invalid_config`. */
  readonly reread: () => LoadedConfig;
  /** HTTP answers; requests wait until their model is loaded. `reload` takes over what has changed in the configuration. */
  readonly onListening: (at: {
    readonly url: string;
    readonly loading: readonly string[];
    readonly reload: () => Promise<unknown>;
  }) => void;
  readonly onReady: (served: Served) => void;
}

/**
 * Serves until `signal` aborts, then lets running requests end within the drain time. Throws a MillraceError when it cannot
 * start, `drain_time_over` when requests took longer, or the signal's reason when it was stopped before the models were there.
 */
export async function serve(loaded: LoadedConfig, options: ServeOptions): Promise<void> {
  const { signal } = options;
  const { config, models } = withRecordings(loaded);
  assertBindAllowed(config);
  const live = new LiveConfig({ config, models }, () => withRecordings(options.reread()));
  const { logger, setLevel: setLogLevel } = createLog({ level: config.logLevel });
  const recorder = config.record === undefined ? undefined : new Recorder(config.record, logger);
  const cpuShares = new CpuShares(threadsForThisMachine().threads);
  const specOptions = { ...options, logger, cpuShares, recorder };
  const specs: ModelSpec[] = [];
  for (const model of models) specs.push(await modelSpec(model.config, specOptions));
  const stopped = stopOf(signal);
  await using pool = new ModelPool(specs, { memory: memoryGauge(config), logger });
  pool.start();
  // Only now: it takes longer to load than all before, and the engines need not wait for it.
  const { buildServer, listen, readPage } = await import("./http/serving.ts");
  const reloader = new Reloader({
    live,
    pool,
    ids: new Map(models.map((model, index) => [modelName(model.config), specs[index]!.id])),
    specOf: (one) => modelSpec(one, { ...specOptions, later: true }),
    setLogLevel,
    logger,
  });
  let cutOff = 0;
  const server = buildServer({
    host: config.host,
    settings: () => live.current,
    reload: () => reloader.reload(),
    models: pool,
    logger,
    page: readPage(),
    bodyLimit,
    onCutOff: (requests) => (cutOff = requests),
  });
  try {
    const url = await listen(server, config);
    yieldToEngines();
    options.onListening({ url, loading: pool.loading, reload: () => reloader.reload() });
    if ((await Promise.race([pool.ready(), stopped])) === "stopped") return;
    const { record, replay, apiKeys } = config;
    options.onReady({ url, models: pool.served.map(summaryOf), needsKey: apiKeys.length > 0, record, replay });
    await stopped;
  } finally {
    await server.close();
  }
  if (cutOff > 0) throw failure("drain_time_over", { requests: cutOff, seconds: live.current.drainTimeout });
}

function summaryOf({ id, loaded }: PooledModel): ModelSummary {
  const info = loaded?.engines.info;
  if (loaded === undefined || info === undefined) return { id, loaded: undefined };
  const { prepared, claim } = loaded;
  const less = differenceInWords(prepared.wanted, claim.load);
  return { id, loaded: { plan: claim.load.plan, less, info, hasChatTemplate: prepared.hasChatTemplate } };
}

/** The model of `config` in this process, for one request at a time. Blocks the thread while it loads. */
export async function openLocal(config: Config, pull: PullOptions): Promise<Backend> {
  const { engine, modelId, cacheMemory } = await openLocalEngine({ ...config, parallel: 1 }, pull);
  return new LocalBackend(engine, modelId, { ...defaultScheduling, cacheMemory });
}

/** The engine alone, for whoever wants to measure it. Blocks the thread while it loads. */
export async function openLocalEngine(
  config: Config,
  pull: PullOptions,
): Promise<{ readonly engine: Engine; readonly modelId: string; readonly cacheMemory: number }> {
  const { id, wanted, header } = await prepareModel(config, pull);
  if (wanted.plan.task === "embed") throw failure("only_embeddings", { model: id });
  if (header !== undefined) quietUnlessAsked(config);
  const { plan, cacheMemory } = header === undefined ? wanted : fitLoad(header, wanted, availableMemory());
  return { engine: openEngine({ engine: config.engine, plan }), modelId: id, cacheMemory };
}

interface QuantizeOptions extends PullOptions {
  readonly type: string;
  readonly output: string;
  /** `total` is an estimate. */
  readonly onWritten: (progress: { readonly written: number; readonly total: number | undefined }) => void;
}

/** Writes `config.model` again in another number format. Sizes are in bytes. */
export async function quantize(config: Config, options: QuantizeOptions): Promise<{ before: number; after: number }> {
  const { type, output } = checkedQuantization(options);
  const { file, header } = await pullModel(config, options);
  const total = quantizedSize(header, type);
  return await quantizeInChild(
    { source: file, output, type, threads: threadsFor(config) },
    { ...options, verbose: isVerbose(config), onWritten: (written) => options.onWritten({ written, total }) },
  );
}

/** In this process the library would write its log, thousands of lines, between the lines of the command. */
function quietUnlessAsked(config: Config): void {
  if (!isVerbose(config)) silenceNativeLog();
}

function isVerbose({ logLevel }: Config): boolean {
  return logLevel === "debug" || logLevel === "trace";
}

/** After the engines were started: they would inherit it, and not every user may give them the usual priority back. */
function yieldToEngines(): void {
  try {
    if (getPriority() < serverPriority) setPriority(serverPriority);
  } catch {
    // some sandboxes forbid it; it is only a courtesy
  }
}

/** Resolves to "stopped" when `signal` aborts. */
async function stopOf(signal: AbortSignal): Promise<"stopped"> {
  if (!signal.aborted) await once(signal, "abort");
  return "stopped";
}
