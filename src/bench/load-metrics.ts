import { timeNames, type LoadSummary } from "./load-summary.ts";

/** The figures of a run by one name each: vLLM's (`vllm bench serve`) where it has one. */
export type LoadMetrics = Readonly<Record<string, number>>;

/** Times in ms, throughputs per second. What is not known is left out. */
export function metricsOf(summary: LoadSummary): LoadMetrics {
  const figures: Record<string, number | undefined> = {
    duration: summary.durationSeconds,
    completed: summary.completed,
    failed: summary.failed,
    total_input_tokens: summary.inputTokens,
    total_output_tokens: summary.outputTokens,
    request_throughput: summary.requestThroughput,
    request_goodput: summary.requestGoodput,
    output_throughput: summary.outputThroughput,
    total_token_throughput: summary.totalThroughput,
    max_concurrent_requests: summary.maxConcurrent,
    reconnects: summary.reconnects,
    cached_tokens_share: summary.cachedShare,
    peak_memory_bytes: summary.peakMemory,
    p99_send_lag_ms: summary.lagP99,
    client_cpu_ms_per_token: summary.clientCpuPerToken,
  };
  for (const name of timeNames) {
    const { mean, std, p50, p90, p95, p99, max } = summary.times[name];
    Object.assign(figures, {
      [`mean_${name}_ms`]: mean,
      [`median_${name}_ms`]: p50,
      [`std_${name}_ms`]: std,
      [`p50_${name}_ms`]: p50,
      [`p90_${name}_ms`]: p90,
      [`p95_${name}_ms`]: p95,
      [`p99_${name}_ms`]: p99,
      [`max_${name}_ms`]: max,
    });
  }
  const known = Object.entries(figures).filter(([, value]) => value !== undefined && Number.isFinite(value));
  return Object.fromEntries(known) as LoadMetrics;
}
