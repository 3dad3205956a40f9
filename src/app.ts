import { once } from "node:events";
import { getPriority, setPriority } from "node:os";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { assertBindAllowed } from "./config/bind.ts";
import { requestDefaults } from "./config/request-defaults.ts";
import type { Config } from "./config/schema.ts";
import type { Backend } from "./core/backend.ts";
import { failure } from "./core/errors.ts";
import type { RequestDefaults } from "./core/generation.ts";
import type { ExecutionPlan } from "./core/execution-plan.ts";
import type { Engine, EngineInfo } from "./engine/engine.ts";
import { silenceNativeLog } from "./engine/llama/native-log.ts";
import { openEngine } from "./engine/open.ts";
import { EngineHost } from "./host/engine-host.ts";
import { planFor, threadsFor } from "./host/plan-for.ts";
import { schedulingFor } from "./host/scheduling-for.ts";
import { checkedQuantization, quantizeInChild } from "./host/quantize-child.ts";
import { readPage } from "./http/page-routes.ts";
import { buildServer } from "./http/server.ts";
import { LocalBackend } from "./inference/local-backend.ts";
import { assertFits } from "./model/assert-fits.ts";
import { leaseModel } from "./model/lease.ts";
import { quantizedSize } from "./model/quantized-size.ts";
import { resolveModel, type Fallback, type PullProgress, type ResolvedModel } from "./model/resolve-model.ts";
import { createLogger } from "./telemetry/log.ts";

/** The largest body that is read: far beyond any context. */
const bodyLimit = 16 * 1024 * 1024;
/** How long requests may go on after the first Ctrl-C or SIGTERM. */
const drainMs = 5000;
/** The server's nice value: a step of the engine waits for its slowest thread, the server can wait. */
const serverPriority = 10;

/** What `doctor` looks at. */
export { servingFacts, type ServingFacts } from "./host/serving-facts.ts";

/** A server that answers, in the words that its banner needs. */
export interface Served {
  readonly url: string;
  readonly modelId: string;
  readonly plan: ExecutionPlan;
  readonly info: EngineInfo;
  readonly hasChatTemplate: boolean;
  readonly needsKey: boolean;
}

/** For what may have to get the model over the network first. */
export interface PullOptions {
  /** Ends a pull: the signal's reason is thrown. */
  readonly signal: AbortSignal;
  readonly onPull: (progress: PullProgress) => void;
  /** The model is on this disk. */
  readonly onPulled?: () => void;
  /** Allows another model where the catalogue names one in place of one that cannot be had. */
  readonly onFallback?: (fallback: Fallback) => void;
}

interface ServeOptions extends PullOptions {
  /** HTTP answers, with 503 until the model is loaded. */
  readonly onListening: (at: { readonly url: string; readonly modelId: string }) => void;
  readonly onReady: (served: Served) => void;
}

/**
 * Serves until `signal` aborts, then lets running requests end for a few seconds. Throws a MillraceError when it cannot
 * start, or the signal's reason when it was stopped before the model was there.
 */
export async function serve(config: Config, options: ServeOptions): Promise<void> {
  const { signal } = options;
  assertBindAllowed(config);
  const logger = createLogger({ level: config.logLevel });
  const { modelId, plan, hasChatTemplate, recommended } = await prepare(config, options);
  const stopped = stopOf(signal);
  await using host = EngineHost.start(
    { engine: config.engine, plan },
    {
      modelId,
      scheduling: schedulingFor(config),
      logger,
    },
  );
  yieldToEngine();
  const defaults = requestDefaults(config, recommended);
  const server = buildServer({ ...config, backends: [host], logger, defaults, page: readPage(), bodyLimit, drainMs });
  try {
    const url = await listen(server, config);
    options.onListening({ url, modelId });
    if ((await Promise.race([host.ready(), stopped])) === "stopped") return;
    options.onReady({ url, modelId, plan, info: host.info!, hasChatTemplate, needsKey: config.apiKeys.length > 0 });
    await stopped;
  } finally {
    await server.close();
  }
}

/** The model of `config` in this process, for one request at a time. Blocks the thread while it loads. */
export async function openLocal(config: Config, pull: PullOptions): Promise<Backend> {
  const { engine, modelId } = await openLocalEngine({ ...config, parallel: 1 }, pull);
  return new LocalBackend(engine, modelId);
}

/** The engine alone, for whoever wants to measure it. Blocks the thread while it loads. */
export async function openLocalEngine(
  config: Config,
  pull: PullOptions,
): Promise<{ readonly engine: Engine; readonly modelId: string }> {
  const { modelId, plan } = await prepare(config, pull);
  if (config.engine === "llama") quietUnlessAsked(config);
  return { engine: openEngine({ engine: config.engine, plan }), modelId };
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

interface Prepared {
  readonly modelId: string;
  readonly plan: ExecutionPlan;
  readonly hasChatTemplate: boolean;
  /** Sampling that the model's makers recommend. */
  readonly recommended: RequestDefaults;
}

/** The plan of `config` for a model that is on this disk, checked, and fits into this machine's memory. */
async function prepare(config: Config, options: PullOptions): Promise<Prepared> {
  if (config.engine !== "llama")
    return { modelId: config.name ?? "fake", plan: planFor(config, "fake"), hasChatTemplate: true, recommended: {} };
  const { id, file, header, entry } = await pullModel(config, options);
  const plan = planFor(config, file);
  assertFits(header, plan);
  const recommended = entry?.defaults ?? {};
  return { modelId: config.name ?? id, plan, hasChatTemplate: header.hasChatTemplate, recommended };
}

async function pullModel({ model, home }: Config, options: PullOptions): Promise<ResolvedModel> {
  const resolved = await resolveModel(model, { ...options, home, onProgress: options.onPull });
  leaseModel(home, resolved.file);
  options.onPulled?.();
  return resolved;
}

function yieldToEngine(): void {
  try {
    if (getPriority() < serverPriority) setPriority(serverPriority);
  } catch {
    // some sandboxes forbid it; it is only a courtesy
  }
}

const listenProblems: Readonly<Record<string, string>> = {
  EACCES: "no permission for this port",
  EADDRNOTAVAIL: "this machine does not have that address",
  ENOTFOUND: "there is no such host",
};

async function listen(server: FastifyInstance, { host, port }: Config): Promise<string> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") throw failure("port_in_use", { host, port }, error);
    const problem = `cannot listen on ${host}:${port}: ${listenProblems[code] ?? message}`;
    throw failure("invalid_config", { problem }, error);
  }
  const name = ["0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${(server.server.address() as AddressInfo).port}`;
}

/** Resolves to "stopped" when `signal` aborts. */
async function stopOf(signal: AbortSignal): Promise<"stopped"> {
  if (!signal.aborted) await once(signal, "abort");
  return "stopped";
}
