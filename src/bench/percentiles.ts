/** Values that were all kept, so every percentile is exact. */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  /** Of the population, as numpy's `std`, which vLLM reports. */
  readonly std: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Of no values all figures are NaN: nothing is known about them, and 0 would look like a good one. */
export function distributionOf(values: readonly number[]): Distribution {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / count;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  const at = (percent: number) => percentile(sorted, percent);
  return { count, mean, std: Math.sqrt(variance), p50: at(50), p90: at(90), p95: at(95), p99: at(99), max: at(100) };
}

/**
 * The value below which `percent` of the sorted values lie, linear between neighbours: definition 7 of Hyndman and Fan,
 * "Sample Quantiles in Statistical Packages" (1996), which numpy and so vLLM use.
 */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  if (sorted.length === 0) return NaN;
  const rank = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(rank)]!;
  const above = sorted[Math.ceil(rank)]!;
  return below + (above - below) * (rank - Math.floor(rank));
}
