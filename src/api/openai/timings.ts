import type { Usage } from "../../core/generation.ts";

/** How long an answer took, in ms. */
export interface Timings {
  /** From the request's arrival to the first token of any of its answers: its wait, too. */
  readonly promptMs: number;
  /** From there to the end of all answers. */
  readonly answerMs: number;
}

/** In the words of llama-server's `timings`. */
export function timingsObject(usage: Usage, { promptMs, answerMs }: Timings): object {
  const { promptTokens, cachedTokens, completionTokens } = usage;
  return {
    cache_n: cachedTokens,
    ...pace("prompt", promptTokens - cachedTokens, promptMs),
    ...pace("predicted", completionTokens, answerMs),
  };
}

/** What never happened took no time and has no pace. */
function pace(name: string, tokens: number, ms: number): object {
  return {
    [`${name}_n`]: tokens,
    [`${name}_ms`]: ms,
    [`${name}_per_token_ms`]: tokens === 0 ? 0 : ms / tokens,
    [`${name}_per_second`]: ms === 0 ? 0 : (1000 * tokens) / ms,
  };
}
