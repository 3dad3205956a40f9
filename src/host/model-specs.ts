import type { Logger } from "pino";
import { keepAliveMs } from "../config/keep-alive.ts";
import { requestDefaults } from "../config/request-defaults.ts";
import type { Config } from "../config/schema.ts";
import { MillraceError } from "../core/errors.ts";
import type { RequestDefaults } from "../core/generation.ts";
import { differenceInWords } from "../model/fit-load.ts";
import { pullableOf, resolveModel } from "../model/resolve-model.ts";
import type { CpuShares } from "./cpu-shares.ts";
import { EngineHost } from "./engine-host.ts";
import { loadFor } from "./load-for.ts";
import { claimOf } from "./model-claim.ts";
import type { ModelSpec } from "./pooled-model.ts";
import type { Recorder } from "./recordings/recorder.ts";
import { replayedModel } from "./recordings/replayed-model.ts";
import { prepareModel, type PreparedModel, type PullOptions } from "./prepare-model.ts";
import { Replicas } from "./replicas.ts";
import { schedulingFor } from "./scheduling-for.ts";

/** Without a word about it, what was loaded on demand goes after five minutes, as in Ollama. */
const onDemandKeepAliveMs = 300_000;
/** While a server records, and when it is replayed: a request without a seed asks the same thing each time. */
const recordedSeed = 0;

export interface SpecOptions extends PullOptions {
  readonly logger: Logger;
  readonly cpuShares: CpuShares;
  /** Writes down what they answer. */
  readonly recorder?: Recorder | undefined;
  /** A model that is to be loaded without a request is brought to this disk when it is, not before. */
  readonly later?: boolean;
}

/**
 * What a pool must know of the model of `config`. One that is to be loaded at the start is brought to this disk first; of
 * the others it is only made sure that they could be. Throws what `resolveModel` throws.
 */
export async function modelSpec(config: Config, options: SpecOptions): Promise<ModelSpec> {
  const { logger, cpuShares, recorder, later = false } = options;
  if (config.replay !== undefined) return replayedModel(config, config.replay);
  const onDemand = config.load === "on_demand";
  const scheduling = schedulingFor(config);
  let ahead: PreparedModel | undefined = onDemand || later ? undefined : await prepareModel(config, options);
  const { id, task } =
    ahead === undefined ? await knownOnDemand(config) : { id: ahead.id, task: ahead.wanted.plan.task };
  recorder?.expect(id);
  const defaultsOver = (recommended: RequestDefaults) => ({
    ...requestDefaults(config, recommended),
    ...(recorder && { seed: recordedSeed }),
  });
  return {
    id,
    onDemand,
    task,
    keepAliveMs:
      config.keepAlive === "auto" ? (onDemand ? onDemandKeepAliveMs : Infinity) : keepAliveMs(config.keepAlive)!,
    replicas: config.replicas,
    scheduling,
    mostWaiting: config.maxQueue + config.parallel * config.replicas,
    defaultsOver,
    recommended: ahead?.recommended ?? pullableOf(config.model)?.defaults ?? {},
    prepare: async (pull) => {
      const prepared = ahead ?? (await prepareModel(config, pull));
      ahead = undefined;
      return prepared;
    },
    claim: (prepared) => claimOf(prepared, config.replicas),
    start: ({ wanted, hasChatTemplate, recommended }, { plan, cacheMemory }) => {
      const child = logger.child({ model: id });
      const less = differenceInWords(wanted, { plan, cacheMemory });
      if (less !== "") child.warn(`to fit into memory it gets ${less}`);
      const own = { modelId: id, scheduling: { ...scheduling, cacheMemory }, logger: child, cpuShares };
      const start = () => EngineHost.start({ engine: config.engine, plan }, own);
      const engines = new Replicas(Array.from({ length: config.replicas }, start));
      return recorder?.around(engines, { id, hasChatTemplate, defaults: defaultsOver(recommended) }) ?? engines;
    },
  };
}

/** The same as after a pull, if the file is here; else what the catalogue says, else what the configuration does. */
async function knownOnDemand(config: Config): Promise<Pick<ModelSpec, "id" | "task">> {
  const { engine, name, model, home, pooling } = config;
  if (engine !== "llama") return { id: name ?? "fake", task: loadFor(config, "fake", undefined).plan.task };
  try {
    const { id, file, header } = await resolveModel(model, { home, offline: true });
    return { id: name ?? id, task: loadFor(config, file, header).plan.task };
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "model_source_failed") throw error;
    const entry = pullableOf(model);
    const embeds = pooling !== undefined || entry?.task === "embed";
    return { id: name ?? entry?.id ?? model, task: embeds ? "embed" : entry?.task && "generate" };
  }
}
