import type { Config } from "../config/schema.ts";
import { defaultPlan, type ExecutionPlan } from "../core/execution-plan.ts";
import { threadsForThisMachine } from "./cpu-quota.ts";

/** The plan of what was configured, on this machine. */
export function planFor(config: Config, modelFile: string): ExecutionPlan {
  const plan = defaultPlan(modelFile, threadsFor(config));
  const outputs = Math.max(plan.outputs, config.parallel);
  return { ...plan, slots: config.parallel, contextPerSlot: config.context, outputs };
}

/** One thread more than this process may run at once makes every step wait for it: what was asked for is capped. */
export function threadsFor({ threads }: Pick<Config, "threads">): number {
  const lease = threadsForThisMachine();
  return threads === "auto" ? lease.threads : Math.min(threads, lease.threads);
}
