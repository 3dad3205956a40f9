import type { RequestDefaults } from "../core/generation.ts";
import type { Config } from "./schema.ts";

/** For requests that leave it out: what the configuration says, else what the model's makers recommend. */
export function requestDefaults(config: Config, recommended: RequestDefaults): RequestDefaults {
  const { maxTokens, temperature, topP, topK, minP, repeatPenalty, frequencyPenalty, presencePenalty } = config;
  const sampling = { temperature, topP, topK, minP, repeatPenalty, frequencyPenalty, presencePenalty };
  const stop = typeof config.stop === "string" ? [config.stop] : config.stop;
  const settings = Object.entries({ ...sampling, maxTokens, stop, system: config.system });
  return { ...recommended, ...Object.fromEntries(settings.filter(([, value]) => value !== undefined)) };
}
