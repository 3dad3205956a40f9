import type { RequestDefaults } from "../core/generation.ts";
import type { Config } from "./schema.ts";

/** What the configuration says for requests that leave it out. */
export function requestDefaults(config: Config): RequestDefaults {
  const { maxTokens, temperature, topP, topK, minP, repeatPenalty, frequencyPenalty, presencePenalty } = config;
  const sampling = { temperature, topP, topK, minP, repeatPenalty, frequencyPenalty, presencePenalty };
  const stop = typeof config.stop === "string" ? [config.stop] : config.stop;
  return { ...sampling, maxTokens, stop, system: config.system };
}
