import { show, summarize } from "../../src/bench/statistics.ts";
import type { MeasuredRow } from "../results.ts";
import { valuesOf } from "./row.ts";
import { verdictOf } from "./verdict.ts";

/** All that was measured, and what it means: some lines. */
export function reportOf({ shown, variants, requirements }: MeasuredRow): string {
  const turns = new Map(Object.entries(variants));
  const metrics = shown.flatMap((metric) => {
    const measured = [...turns.keys()].flatMap((name) => {
      const values = valuesOf(turns, name, metric);
      return values.length === 0 ? [] : [`${name} ${show(summarize(values), digitsFor(values))}`];
    });
    return measured.length === 0 ? [] : [`  ${metric.padEnd(22)} ${measured.join(", ")}`];
  });
  const verdicts = requirements.map((requirement) => {
    const [what, target, measured, verdict] = verdictOf(requirement);
    return `${what}: ${measured} (target ${target}) ${verdict}`;
  });
  return [...metrics, ...verdicts].join("\n");
}

/** A line for each promise, as a table of Markdown. */
export function tableOf(rows: readonly MeasuredRow[]): string {
  const heading = ["#", "what", "target", "measured", "verdict", "rounds"];
  const lines = rows.flatMap((row) => {
    const rounds = Math.max(...Object.values(row.variants).map((turns) => turns.length));
    return row.requirements.map((requirement) => [`${row.number}`, ...verdictOf(requirement), `${rounds}`]);
  });
  const widths = heading.map((_, i) => Math.max(...[heading, ...lines].map((cells) => cells[i]!.length)));
  const rule = widths.map((width) => "-".repeat(width));
  return [heading, rule, ...lines]
    .map((cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`)
    .join("\n");
}

function digitsFor(values: readonly number[]): number {
  const largest = Math.max(...values);
  return largest >= 100 || values.every(Number.isInteger) ? 0 : largest >= 10 ? 1 : 3;
}
