import type { LoadSample } from "./load-result.ts";

/** The times of one request, in ms, as vLLM defines them. */
export interface RequestTimes {
  /** From sending to the first chunk with text. */
  readonly ttft: number;
  /** (E2E - TTFT) / (tokens - 1): of each token but the first; undefined for an answer of one token. */
  readonly tpot: number | undefined;
  /** Gaps between chunks with text. A chunk may have several tokens, and several chunks may come at once. */
  readonly itl: readonly number[];
  /** From sending to the last token. */
  readonly e2el: number;
}

export function timesOf({ chunksAt, e2e, completionTokens }: LoadSample): RequestTimes {
  const ttft = chunksAt[0] ?? e2e;
  return {
    ttft,
    tpot: completionTokens > 1 ? (e2e - ttft) / (completionTokens - 1) : undefined,
    itl: chunksAt.slice(1).map((at, i) => at - chunksAt[i]!),
    e2el: e2e,
  };
}
