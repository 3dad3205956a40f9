import { closestWord } from "../core/closest-word.ts";
import { failure } from "../core/errors.ts";
import type { LoadMetrics } from "./load-metrics.ts";
import { timeNames } from "./load-summary.ts";

const comparisons = {
  ">": (value: number, limit: number) => value > limit,
  ">=": (value: number, limit: number) => value >= limit,
  "<": (value: number, limit: number) => value < limit,
  "<=": (value: number, limit: number) => value <= limit,
} as const;

const statistics = ["mean", "median", "std", "p50", "p90", "p95", "p99", "max"] as const;
const times = timeNames.flatMap((time) => statistics.map((statistic) => `${statistic}_${time}_ms`));
const others = [
  "completed",
  "failed",
  "reconnects",
  "request_throughput",
  "request_goodput",
  "output_throughput",
  "total_token_throughput",
  "cached_tokens_share",
  "peak_memory_bytes",
];

/** When a run counts as failed: "p95_ttft>500". */
export interface Requirement {
  readonly text: string;
  readonly metric: string;
  readonly comparison: keyof typeof comparisons;
  readonly limit: number;
}

/** Reads "p95_ttft>500"; `_ms` may be left out. Throws `invalid_config` that names what can be asked for. */
export function parseRequirement(text: string): Requirement {
  const match = /^\s*(\w+)\s*(>=?|<=?)\s*(\d+(?:\.\d+)?)\s*$/.exec(text);
  if (match === null) throw invalid(text, "accepted: a metric, one of > >= < <=, and a number, like 'p95_ttft>500'");
  const [, name = "", comparison, limit] = match;
  const metric = [...times, ...others].find((known) => known === name || known === `${name}_ms`);
  if (metric === undefined) {
    const meant = closestWord(name, [...times.map((time) => time.replace("_ms", "")), ...others]);
    const advice = meant === undefined ? "" : `; did you mean '${meant}'?`;
    const known = `${statistics.join(", ")} of ${timeNames.join(", ")} (like p95_ttft); ${others.join(", ")}`;
    throw invalid(text, `'${name}' is no metric${advice} known: ${known}`);
  }
  return { text, metric, comparison: comparison as keyof typeof comparisons, limit: Number(limit) };
}

/** Whether the run fails by it. What was not measured fails too: nobody knows that it is good. */
export function isViolated({ metric, comparison, limit }: Requirement, metrics: LoadMetrics): boolean {
  const value = metrics[metric];
  return value === undefined || comparisons[comparison](value, limit);
}

function invalid(text: string, problem: string): Error {
  return failure("invalid_config", { problem: `--fail-if '${text}': ${problem}` });
}
