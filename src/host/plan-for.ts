import type { Config } from "../config/schema.ts";
import { batchForTexts, defaultPlan, type ExecutionPlan } from "../core/execution-plan.ts";
import type { GgufHeader } from "../model/gguf-header.ts";
import { threadsForThisMachine } from "./cpu-quota.ts";

/** The plan of what was configured, on this machine. Without a header, which the fake engine has not, only `pooling` says to embed. */
export function planFor(config: Config, modelFile: string, header: GgufHeader | undefined): ExecutionPlan {
  const { parallel: slots, context: contextPerSlot, pooling } = config;
  const plan = { ...defaultPlan(modelFile, threadsFor(config)), slots, contextPerSlot };
  if (header?.embeds === true || pooling !== undefined) {
    const longest = Math.min(contextPerSlot, header?.contextLength ?? 0);
    return { ...plan, task: "embed", pooling: pooling ?? "model", ...batchForTexts(longest) };
  }
  return { ...plan, outputs: Math.max(plan.outputs, slots) };
}

/** One thread more than this process may run at once makes every step wait for it: what was asked for is capped. */
export function threadsFor({ threads }: Pick<Config, "threads">): number {
  const lease = threadsForThisMachine();
  return threads === "auto" ? lease.threads : Math.min(threads, lease.threads);
}
