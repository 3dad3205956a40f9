import { formatBytes } from "../core/format-bytes.ts";
import { timeNames, type LoadSummary, type TimeName } from "./load-summary.ts";
import type { TableRows } from "./report-page.ts";

export const timeTitles: Readonly<Record<TimeName, string>> = {
  ttft: "time to first token (TTFT)",
  tpot: "time per further token (TPOT)",
  itl: "between chunks (ITL)",
  e2el: "whole answer (E2E)",
};

/** The times of a run, in ms, for a table. */
export function timeRows({ times }: LoadSummary): TableRows {
  const rows = timeNames.map((name) => {
    const { mean, p50, p90, p95, p99 } = times[name];
    return [timeTitles[name], ...[mean, p50, p90, p95, p99].map((value) => figure(value, value < 10 ? 2 : 1))];
  });
  return [["ms", "mean", "p50", "p90", "p95", "p99"], ...rows];
}

/** The other figures of a run, each with its name. */
export function figureRows(summary: LoadSummary): TableRows {
  const { completed, failed, requestGoodput, cachedShare, peakMemory, lagP99 } = summary;
  const perSecond = (rate: number, of: string) => `${figure(rate, rate < 100 ? 2 : 0)} ${of}/s`;
  const tokens = `${summary.inputTokens} in, ${summary.outputTokens} out`;
  return [
    ["requests", `${completed} answered, ${failed} failed, in ${figure(summary.durationSeconds, 2)} s`],
    ...Object.entries(summary.errors).map(([kind, count]) => ["", `${count} x ${kind}`]),
    ["output", perSecond(summary.outputThroughput, "tokens")],
    ["input and output", perSecond(summary.totalThroughput, "tokens")],
    ["answers", perSecond(summary.requestThroughput, "requests")],
    ...optional("within the limits", requestGoodput === undefined ? undefined : perSecond(requestGoodput, "requests")),
    ["tokens", tokens],
    ...optional(
      "from a cache",
      cachedShare === undefined ? undefined : `${figure(100 * cachedShare, 1)} % of the input`,
    ),
    ["most at once", `${summary.maxConcurrent} requests`],
    ...optional(
      "reconnects",
      summary.reconnects === 0 ? undefined : `${summary.reconnects}: kept connections were closed`,
    ),
    ...optional("sent late by", lagP99 === undefined ? undefined : `${figure(lagP99, 1)} ms (p99)`),
    ...optional("memory", peakMemory === undefined ? undefined : `${formatBytes(peakMemory)} at most`),
  ];
}

function optional(name: string, value: string | undefined): string[][] {
  return value === undefined ? [] : [[name, value]];
}

function figure(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "-";
}
