import type { LoadResult } from "./load-result.ts";
import { distributionOf, type Distribution } from "./percentiles.ts";
import { timesOf } from "./request-times.ts";
import { isWellServed, type ServiceLevel } from "./service-level.ts";

export const timeNames = ["ttft", "tpot", "itl", "e2el"] as const;
export type TimeName = (typeof timeNames)[number];

/** What a run comes to. Throughputs are per second, NaN = nothing is known. */
export interface LoadSummary {
  /** Of the requests that were answered as asked, in ms. */
  readonly times: Readonly<Record<TimeName, Distribution>>;
  readonly completed: number;
  readonly failed: number;
  /** How many of each kind, the most frequent first. */
  readonly errors: Readonly<Record<string, number>>;
  readonly durationSeconds: number;
  readonly requestThroughput: number;
  readonly outputThroughput: number;
  readonly totalThroughput: number;
  /** Requests within every limit, per second; undefined without limits. */
  readonly requestGoodput: number | undefined;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Part of the prompts' tokens that the server did not compute; undefined if it does not say. */
  readonly cachedShare: number | undefined;
  readonly maxConcurrent: number;
  readonly reconnects: number;
  /** In bytes. */
  readonly peakMemory: number | undefined;
  /** 99 of 100 requests of an open loop were sent at most so late, in ms; undefined in a closed one. */
  readonly lagP99: number | undefined;
  /** CPU time of the load generator per token that it received, in ms. */
  readonly clientCpuPerToken: number;
}

/** Failed requests count in nothing but `failed` and `errors`. */
export function summarizeLoad(result: LoadResult, level?: ServiceLevel): LoadSummary {
  const good = result.samples.filter(({ problem }) => problem === undefined);
  const times = good.map(timesOf);
  const seconds = result.durationMs / 1000;
  const inputTokens = sum(good.map(({ promptTokens }) => promptTokens));
  const outputTokens = sum(good.map(({ completionTokens }) => completionTokens));
  const cached = good.flatMap(({ cachedTokens }) => cachedTokens ?? []);
  return {
    times: {
      ttft: distributionOf(times.map(({ ttft }) => ttft)),
      tpot: distributionOf(times.flatMap(({ tpot }) => tpot ?? [])),
      itl: distributionOf(times.flatMap(({ itl }) => itl)),
      e2el: distributionOf(times.map(({ e2el }) => e2el)),
    },
    completed: good.length,
    failed: result.samples.length - good.length,
    errors: kindsOf(result),
    durationSeconds: seconds,
    requestThroughput: good.length / seconds,
    outputThroughput: outputTokens / seconds,
    totalThroughput: (inputTokens + outputTokens) / seconds,
    requestGoodput: level && good.filter((sample) => isWellServed(sample, level)).length / seconds,
    inputTokens,
    outputTokens,
    cachedShare: cached.length === 0 ? undefined : sum(cached) / inputTokens,
    maxConcurrent: result.maxConcurrent,
    reconnects: result.reconnects,
    peakMemory: result.peakMemory,
    lagP99: result.lags.length === 0 ? undefined : distributionOf(result.lags).p99,
    clientCpuPerToken: result.clientCpuMs / outputTokens,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function kindsOf({ samples }: LoadResult): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { problem } of samples) if (problem !== undefined) counts.set(problem, (counts.get(problem) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([, a], [, b]) => b - a));
}
