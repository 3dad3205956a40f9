import type { Config } from "../config/schema.ts";
import type { WantedLoad } from "../model/fit-load.ts";
import type { GgufHeader } from "../model/gguf-header.ts";
import { planFor } from "./plan-for.ts";
import { schedulingFor } from "./scheduling-for.ts";

/** What `config` wants to be loaded on this machine. A cache that nobody gave a size takes what is left; of texts none is kept. */
export function loadFor(config: Config, modelFile: string, header: GgufHeader | undefined): WantedLoad {
  const plan = planFor(config, modelFile, header);
  const cacheMemory = plan.task === "embed" ? 0 : schedulingFor(config).cacheMemory;
  const mayShrink = config.fit ? "everything" : config.cacheMemory === "auto" ? "cache" : "nothing";
  return { plan, cacheMemory, mayShrink };
}
