import type { Config } from "../config/schema.ts";
import { toMillraceError } from "../core/errors.ts";
import { availableMemory } from "../model/available-memory.ts";
import { differenceInWords, fitLoad } from "../model/fit-load.ts";
import { resolveModel } from "../model/resolve-model.ts";
import { loadFor } from "./load-for.ts";
import { machineFacts, type MachineFacts } from "./machine-facts.ts";
import { threadsFor } from "./plan-for.ts";

/** The machine, and what a configuration wants of it. */
export interface ServingFacts extends MachineFacts {
  /** Of the engine. */
  readonly threads: number;
  readonly model: ModelFacts;
}

type ModelFacts =
  | { readonly name: string; readonly state: "absent" }
  /** `less`: what it has to do without, in words. */
  | { readonly name: string; readonly state: "fits"; readonly less: string }
  | { readonly name: string; readonly state: "refused"; readonly problem: string };

/** Looks, and changes nothing but a store that was not made yet: no model is pulled, and none loaded. */
export async function servingFacts(config: Config): Promise<ServingFacts> {
  return { ...(await machineFacts(config)), threads: threadsFor(config), model: await modelFacts(config) };
}

async function modelFacts(config: Config): Promise<ModelFacts> {
  if (config.engine !== "llama") return { name: "fake", state: "fits", less: "" };
  const name = config.model;
  try {
    const { file, header } = await resolveModel(name, { home: config.home, offline: true });
    const wanted = loadFor(config, file, header);
    return { name, state: "fits", less: differenceInWords(wanted, fitLoad(header, wanted, availableMemory())) };
  } catch (error) {
    const { code, message: problem } = toMillraceError(error);
    return code === "model_source_failed" ? { name, state: "absent" } : { name, state: "refused", problem };
  }
}
