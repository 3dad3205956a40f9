import type { LoadSample } from "../../src/bench/load-result.ts";
import type { BareLoop } from "../bare-loop.ts";
import type { Requirement } from "./verdict.ts";

/** What the rows have to work with. */
export interface TargetBench {
  readonly modelFile: string;
  /** Path of llama-server; undefined = it is not there, and what compares with it is left out. */
  readonly llamaServer: string | undefined;
  readonly rounds: number;
  readonly seed: number;
  /** Opened when first asked for: 8 slots of 2,048 tokens. */
  readonly bareLoop: () => BareLoop;
}

/** A row of the table of targets. */
export interface Row {
  readonly number: number;
  readonly title: string;
  readonly run: (bench: TargetBench) => Promise<RowResult>;
}

export type Metrics = Readonly<Record<string, number>>;

/** What one variant measured in one round. */
export interface Turn {
  readonly metrics: Metrics;
  /** Each request, by the load that it was part of. */
  readonly loads?: Readonly<Record<string, readonly LoadSample[]>>;
}

/** The n-th turns of all variants are of the same round. */
export type Turns = ReadonlyMap<string, readonly Turn[]>;

interface RowResult {
  readonly turns: Turns;
  /** Metrics to print of each variant that has them. */
  readonly shown: readonly string[];
  readonly requirements: readonly Requirement[];
}

export const ours = "millrace";
export const theirs = "llama-server";
export const bound = "bound";

/** One metric over the rounds, none if the variant does not exist or did not measure it. */
export function valuesOf(turns: Turns, variant: string, metric: string): readonly number[] {
  return (turns.get(variant) ?? []).flatMap(({ metrics }) => metrics[metric] ?? []);
}

/** Of one variant to another, within each round; none where one of them does not exist. */
export function ratios(turns: Turns, metric: string, [above, below]: readonly [string, string]): readonly number[] {
  const others = valuesOf(turns, below, metric);
  if (others.length === 0) return [];
  return valuesOf(turns, above, metric).map((value, round) => value / others[round]!);
}

/** Of the workload of a row's round: no two have a prefix in common. */
export function seedOf({ seed }: TargetBench, { number }: Pick<Row, "number">, round: number): number {
  return (seed * 1_000_003 + number * 10_007 + round * 101) >>> 0;
}
