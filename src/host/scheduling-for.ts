import { bytesOf } from "../config/byte-size.ts";
import { interTokenTarget } from "../config/inter-token-target.ts";
import type { Config } from "../config/schema.ts";
import type { Scheduling } from "../core/scheduling.ts";
import { memoryLimit } from "../model/available-memory.ts";

/** Without a word about it the cache gets this part of the memory, and never more than that. */
const cachePart = 1 / 16;
const cacheMost = 2 ** 30;

/** Who is served when, as it was configured for this machine. */
export function schedulingFor(config: Config): Scheduling {
  return {
    policy: config.policy,
    targetItl: interTokenTarget(config.targetItl)!,
    cacheMemory: cacheMemory(config.cacheMemory),
    maxQueuedRequests: config.maxQueue,
    maxQueuedTokens: config.maxQueuedTokens,
    turnTokens: config.turnTokens,
    ageingMs: 1000 * config.ageing,
    sharedPrefixes: config.sharedPrefixes,
  };
}

function cacheMemory(configured: Config["cacheMemory"]): number {
  return bytesOf(configured) ?? Math.floor(Math.min(cacheMost, cachePart * memoryLimit()));
}
