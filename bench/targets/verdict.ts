import { show, summarize } from "../../src/bench/statistics.ts";

/** What a row promises. It holds if the median over the rounds does. */
export interface Requirement {
  /** "p50 TTFT" */
  readonly of: string;
  /** One for each round; none = it was not measured. */
  readonly values: readonly number[];
  /** "of the bound" */
  readonly unit: string;
  readonly target: { readonly atLeast: number } | { readonly atMost: number };
}

/** A requirement in words, as cells of a table: what, its target, what was measured, whether that holds. */
export type Verdict = readonly [what: string, target: string, measured: string, verdict: string];

/** "tokens/s of the bound", "≥ 0.90", "0.93 [0.91 .. 0.95]", "ok" */
export function verdictOf({ of, values, unit, target }: Requirement): Verdict {
  const [sign, limit] = "atLeast" in target ? (["≥", target.atLeast] as const) : (["≤", target.atMost] as const);
  const digits = limit >= 10 ? 0 : 2;
  const head = [`${of} ${unit}`, `${sign} ${limit.toFixed(digits)}`] as const;
  if (values.length === 0) return [...head, "-", "not measured"];
  const summary = summarize(values);
  const holds = (value: number) => ("atLeast" in target ? value >= limit : value <= limit);
  const sure = holds(summary.low) === holds(summary.high);
  const verdict = `${holds(summary.median) ? "ok" : "MISSED"}${sure ? "" : ", the target lies in the interval"}`;
  return [...head, show(summary, digits), verdict];
}
