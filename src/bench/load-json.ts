import type { LoadResult } from "./load-result.ts";
import { metricsOf } from "./load-metrics.ts";
import type { LoadSummary } from "./load-summary.ts";
import { timesOf } from "./request-times.ts";

/** What was asked for, by vLLM's names where it has them. */
export interface LoadFacts {
  readonly model_id: string;
  readonly base_url: string;
  readonly num_prompts: number | undefined;
  /** Per second; "inf" = a closed loop. */
  readonly request_rate: number | "inf";
  readonly burstiness: number | undefined;
  readonly max_concurrency: number | undefined;
  readonly workload: string;
  readonly seed: number;
  readonly machine: Readonly<Record<string, string | number>>;
}

/**
 * A run as `vllm bench serve --save-detailed` writes it, so that tools for one read the other. As there, the lists have an
 * entry for each request and are in seconds, and all other times in ms.
 */
export function loadJson(facts: LoadFacts, summary: LoadSummary, { samples }: LoadResult): object {
  const times = samples.map(timesOf);
  return {
    date: new Date().toISOString(),
    backend: "openai",
    ...facts,
    ...metricsOf(summary),
    error_counts: summary.errors,
    start_times: samples.map(({ startedAt }) => seconds(startedAt)),
    input_lens: samples.map(({ promptTokens }) => promptTokens),
    output_lens: samples.map(({ completionTokens }) => completionTokens),
    ttfts: times.map(({ ttft }) => seconds(ttft)),
    itls: times.map(({ itl }) => itl.map(seconds)),
    e2els: times.map(({ e2el }) => seconds(e2el)),
    errors: samples.map(({ problem }) => problem ?? ""),
  };
}

function seconds(ms: number): number {
  return Math.round(ms * 1000) / 1e6;
}
