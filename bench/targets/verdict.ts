import { show, summarize } from "../../src/bench/statistics.ts";

/** What a row promises. It holds if the median over the rounds does. */
export interface Requirement {
  /** "row 1, TTFT" */
  readonly of: string;
  /** One for each round; none = it was not measured. */
  readonly values: readonly number[];
  /** "of the bound" */
  readonly unit: string;
  readonly target: { readonly atLeast: number } | { readonly atMost: number };
}

/** "row 1: 0.93 [0.91 .. 0.95] of the bound (target >= 0.90) ok" */
export function verdictOf({ of, values, unit, target }: Requirement): string {
  const [sign, limit] = "atLeast" in target ? (["≥", target.atLeast] as const) : (["≤", target.atMost] as const);
  const digits = limit >= 10 ? 0 : 2;
  const wanted = `(target ${sign} ${limit.toFixed(digits)})`;
  if (values.length === 0) return `${of}: not measured ${unit} ${wanted}`;
  const summary = summarize(values);
  const holds = (value: number) => ("atLeast" in target ? value >= limit : value <= limit);
  const sure = holds(summary.low) === holds(summary.high);
  const verdict = `${holds(summary.median) ? "ok" : "MISSED"}${sure ? "" : ", the target lies in the interval"}`;
  return `${of}: ${show(summary, digits)} ${unit} ${wanted} ${verdict}`;
}
