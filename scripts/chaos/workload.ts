import { defaultPlan, type ExecutionPlan } from "../../src/core/execution-plan.ts";
import type { GenerationRequest } from "../../src/core/generation.ts";
import type { EngineSpec } from "../../src/engine/open.ts";
import { threadsForThisMachine } from "../../src/host/cpu-quota.ts";
import { resolveModel } from "../../src/model/resolve-model.ts";

export const streams = 8;
export const answerTokens = 160;

/** What all prompts begin with, as a system prompt is: about a hundred tokens. */
const beginning = "You are a storyteller who knows the river, the mill and everybody in the village. ".repeat(6);

/** One of `streams` lanes asks for story after story; every other one is answered greedily. */
export function requestOf(lane: number, round: number): GenerationRequest {
  return {
    id: `lane${lane}-${round}`,
    model: "chaos",
    tenant: { name: "chaos", weight: 1 },
    lane: "interactive",
    timeoutMs: undefined,
    prompt: { kind: "text", text: `${beginning}Story number ${lane}: once upon a time ` },
    choice: 0,
    maxTokens: answerTokens,
    logprobs: undefined,
    sampling: {
      temperature: lane % 2,
      topK: 0,
      topP: 1,
      minP: 0,
      repeatPenalty: 1,
      frequencyPenalty: 0,
      presencePenalty: 0,
      logitBias: [],
      seed: lane,
    },
    stop: [],
    ignoreEos: true,
  };
}

export async function specOf(name: "fake" | "real"): Promise<EngineSpec> {
  if (name === "fake") return { engine: "fake?stepMs=5", plan: planOf("fake") };
  const { file } = await resolveModel("smollm2-135m-instruct", { home: ".cache/models" });
  return { engine: "llama", plan: planOf(file) };
}

function planOf(file: string): ExecutionPlan {
  return { ...defaultPlan(file, threadsForThisMachine().threads), slots: streams };
}
