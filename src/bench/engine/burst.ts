import { setMaxListeners } from "node:events";
import type { Backend } from "../../core/backend.ts";
import type { GenerationRequest } from "../../core/generation.ts";
import { newId } from "../../core/ids.ts";

/** `sequences` prompts of `promptTokens` arrive at once, each is answered with `answerTokens`, greedily. */
export interface Burst {
  readonly sequences: number;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

export const burstOf = (sequences: number): Burst => ({ sequences, promptTokens: 128, answerTokens: 64 });

const greedy = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repeatPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  logitBias: [],
  seed: 1,
} as const;

/** Every vocabulary of a trained model has more. */
const usualTokens = 30_100;
/** The first ids often are control tokens. */
const firstToken = 100;

/** Token ids that begin like those of no other `number` nearby, so that no KV can be reused. */
export function promptOf(number: number, length: number, vocabularySize = usualTokens): number[] {
  const range = vocabularySize - firstToken;
  return Array.from({ length }, (_, at) => firstToken + ((number * 131 + at * 17) % range));
}

/** Sends the burst to a backend. Gives for each sequence when it had each token, in ms after the burst arrived. */
export async function runBurst(
  backend: Backend,
  prompts: readonly (readonly number[])[],
  { answerTokens, signal }: { readonly answerTokens: number; readonly signal: AbortSignal },
): Promise<number[][]> {
  const ended = new AbortController();
  const end = () => ended.abort();
  setMaxListeners(prompts.length + 1, ended.signal);
  signal.throwIfAborted();
  signal.addEventListener("abort", end, { once: true });
  const begin = performance.now();
  try {
    return await Promise.all(
      prompts.map(async (ids) => {
        const arrivals: number[] = [];
        for await (const event of backend.generate(requestOf(backend.model.id, ids, answerTokens), ended.signal)) {
          if (event.type !== "text-delta") continue;
          const now = performance.now() - begin;
          for (let i = 0; i < event.tokens.length; i++) arrivals.push(now);
        }
        return arrivals;
      }),
    );
  } finally {
    signal.removeEventListener("abort", end);
    end(); // if one failed the others shall not go on
  }
}

/** Exactly `maxTokens` tokens after a prompt of these, greedily. */
export function requestOf(model: string, ids: readonly number[], maxTokens: number): GenerationRequest {
  return {
    id: newId("bench"),
    model,
    tenant: { name: "bench", weight: 1 },
    lane: "interactive",
    timeoutMs: undefined,
    prompt: { kind: "tokens", ids },
    choice: 0,
    maxTokens,
    logprobs: undefined,
    sampling: greedy,
    stop: [],
    ignoreEos: true,
  };
}

/** Tokens per second. The prefill ends when every sequence has its first token; `all` is over the whole burst. */
export interface Rates {
  readonly prefill: number;
  readonly decode: number;
  readonly all: number;
}

/** `times[s][k]`: when sequence s had its token k, in milliseconds after the burst arrived. */
export function ratesOf(times: readonly (readonly number[])[], burst: Burst): Rates {
  const prefillEnd = Math.max(...times.map((sequence) => sequence[0]!));
  const end = Math.max(...times.map((sequence) => sequence.at(-1)!));
  const decoded = times.flat().filter((time) => time > prefillEnd).length;
  const tokens = burst.sequences * (burst.promptTokens + burst.answerTokens);
  return {
    prefill: (1000 * burst.sequences * burst.promptTokens) / prefillEnd,
    decode: (1000 * decoded) / (end - prefillEnd),
    all: (1000 * tokens) / end,
  };
}
