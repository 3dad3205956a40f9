import type { Config } from "../config/schema.ts";
import type { WantedLoad } from "../model/fit-load.ts";
import { planFor } from "./plan-for.ts";
import { schedulingFor } from "./scheduling-for.ts";

/** What `config` wants to be loaded on this machine. A cache that nobody gave a size takes what is left. */
export function loadFor(config: Config, modelFile: string): WantedLoad {
  const { cacheMemory } = schedulingFor(config);
  const mayShrink = config.fit ? "everything" : config.cacheMemory === "auto" ? "cache" : "nothing";
  return { plan: planFor(config, modelFile), cacheMemory, mayShrink };
}
