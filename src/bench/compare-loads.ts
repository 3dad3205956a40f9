import type { LoadResult } from "./load-result.ts";
import { metricsOf, type LoadMetrics } from "./load-metrics.ts";
import { summarizeLoad } from "./load-summary.ts";
import type { TableRows } from "./report-page.ts";
import type { ServiceLevel } from "./service-level.ts";
import { show, summarize } from "./statistics.ts";

/** One server's runs; the n-th of each was taken in the same round. */
export interface AlternatedRuns {
  readonly name: string;
  readonly results: readonly LoadResult[];
}

export interface Alternation {
  readonly rounds: number;
  /** Runs one round on one of them: `server` is 0 or 1. */
  readonly run: (server: 0 | 1, round: number) => Promise<LoadResult>;
  readonly signal?: AbortSignal;
}

/**
 * Two servers in turns, in an order that is reversed each round, so that what changes slowly on the machine meets both.
 * Ended early it gives the rounds that are whole.
 */
export async function alternate({ rounds, run, signal }: Alternation): Promise<[LoadResult[], LoadResult[]]> {
  const results: [LoadResult[], LoadResult[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    const both = new Map<0 | 1, LoadResult>();
    for (const server of order) {
      both.set(server, await run(server, round));
      if (signal?.aborted === true) return results;
    }
    results[0].push(both.get(0)!);
    results[1].push(both.get(1)!);
  }
  return results;
}

const compared = [
  "mean_ttft_ms",
  "p50_ttft_ms",
  "p95_ttft_ms",
  "p99_ttft_ms",
  "p50_tpot_ms",
  "p95_tpot_ms",
  "p50_itl_ms",
  "p99_itl_ms",
  "p50_e2el_ms",
  "p95_e2el_ms",
  "output_throughput",
  "total_token_throughput",
  "request_throughput",
  "request_goodput",
  "cached_tokens_share",
  "peak_memory_bytes",
  "completed",
  "failed",
  "reconnects",
] as const;

export interface ComparedMetric {
  readonly metric: string;
  /** Medians over the rounds, with intervals; the ratio is taken within each round. */
  readonly first: ReturnType<typeof summarize>;
  readonly second: ReturnType<typeof summarize>;
  /** First to second; undefined where the second is 0 in some round. */
  readonly ratio: ReturnType<typeof summarize> | undefined;
}

export function compareLoads(first: AlternatedRuns, second: AlternatedRuns, level?: ServiceLevel): ComparedMetric[] {
  const metrics = [first, second].map(({ results }) =>
    results.map((result) => metricsOf(summarizeLoad(result, level))),
  );
  const [ours, theirs] = metrics as [LoadMetrics[], LoadMetrics[]];
  return compared.flatMap((metric) => {
    const pairs = ours.map((one, round) => [one[metric], theirs[round]![metric]] as const);
    const known = pairs.filter((pair): pair is [number, number] => pair[0] !== undefined && pair[1] !== undefined);
    if (known.length === 0 || known.length < pairs.length) return [];
    const ratio = known.every(([, other]) => other !== 0)
      ? summarize(known.map(([one, other]) => one / other))
      : undefined;
    return [{ metric, first: summarize(known.map(([a]) => a)), second: summarize(known.map(([, b]) => b)), ratio }];
  });
}

/** A row for each metric: median [interval] of both, and the ratio of the first to the second. */
export function comparisonRows(first: string, second: string, metrics: readonly ComparedMetric[]): TableRows {
  const rows = metrics.map(({ metric, first, second, ratio }) => {
    const digits = Math.max(first.median, second.median) < 10 ? 2 : Math.max(first.median, second.median) < 100 ? 1 : 0;
    return [metric, show(first, digits), show(second, digits), ratio === undefined ? "-" : show(ratio, 2)];
  });
  return [["median [interval]", first, second, "ratio"], ...rows];
}

/** All rounds as one run, for plots and percentiles: the rounds follow each other. */
export function joined(results: readonly LoadResult[]): LoadResult {
  let begin = 0;
  const samples = results.flatMap((result) => {
    const shifted = result.samples.map((sample) => ({ ...sample, startedAt: sample.startedAt + begin }));
    begin += result.durationMs;
    return shifted;
  });
  const sum = (of: (result: LoadResult) => number) => results.reduce((total, result) => total + of(result), 0);
  const peaks = results.flatMap(({ peakMemory }) => peakMemory ?? []);
  return {
    samples,
    durationMs: begin,
    maxConcurrent: Math.max(0, ...results.map(({ maxConcurrent }) => maxConcurrent)),
    reconnects: sum(({ reconnects }) => reconnects),
    lags: results.flatMap(({ lags }) => lags),
    clientCpuMs: sum(({ clientCpuMs }) => clientCpuMs),
    peakMemory: peaks.length === 0 ? undefined : Math.max(...peaks),
  };
}
