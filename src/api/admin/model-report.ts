import type { ModelReport } from "../../core/models.ts";
import { formatError, formatLoading } from "../openai/error-body.ts";

/** A model as `/admin/models` tells of it. What is not known, or is not so, is null. */
export function formatReport(report: ModelReport) {
  const { id, state, loading, memory, running, waiting, replicas, onDemand, keepAliveMs, error } = report;
  return {
    id,
    state,
    loading: loading === undefined ? null : formatLoading(loading),
    memory_bytes: memory ?? null,
    requests: { running, waiting },
    replicas,
    load: onDemand ? "on_demand" : "eager",
    keep_alive_seconds: keepAliveMs === Infinity ? null : keepAliveMs / 1000,
    error: error === undefined ? null : formatError(error).error,
  };
}

export function formatReports(reports: readonly ModelReport[]) {
  return { object: "list", data: reports.map(formatReport) };
}
