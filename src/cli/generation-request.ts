import type { GenerationRequest, Prompt } from "../core/generation.ts";
import { newId, newSeed } from "../core/ids.ts";
import type { ChatParameters } from "./chat/parameters.ts";

/** A request to a model in this process; what was not set has the values that suit a conversation. */
export function generationRequest(model: string, prompt: Prompt, set: ChatParameters): GenerationRequest {
  return {
    id: newId("cli"),
    model,
    tenant: { name: "local", weight: 1 },
    lane: "interactive",
    timeoutMs: undefined,
    prompt,
    choice: 0,
    maxTokens: set.max_tokens,
    logprobs: undefined,
    sampling: {
      temperature: set.temperature ?? 0.7,
      topK: set.top_k ?? 0,
      topP: set.top_p ?? 0.95,
      minP: set.min_p ?? 0,
      repeatPenalty: 1,
      frequencyPenalty: set.frequency_penalty ?? 0,
      presencePenalty: set.presence_penalty ?? 0,
      logitBias: [],
      seed: set.seed ?? newSeed(),
    },
    stop: [],
    ignoreEos: false,
  };
}
