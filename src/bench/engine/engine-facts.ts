import type { Engine } from "../../engine/engine.ts";
import { machineFacts } from "../machine.ts";

/** What figures of an engine need beside them. `cpus` are those of the machine, `threads` those of the engine. */
export function engineFacts({ info, plan }: Engine, modelId: string): Record<string, string | number> {
  const { threads: cpus, ...machine } = machineFacts();
  return {
    model: modelId,
    description: info.description,
    library: info.library,
    cpuVariant: info.cpuVariant,
    threads: plan.threads,
    cpus: cpus!,
    ...machine,
  };
}
