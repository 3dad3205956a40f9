/** A median with the interval that holds it in about 95 of 100 repetitions. */
export interface Summary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Order statistics make no assumption about the noise: the k-th smallest and k-th largest of n values enclose the median
 * with probability 1 - 2·P(Binomial(n, ½) < k) (Hahn and Meeker, Statistical Intervals, 5.2). Below six values no such
 * interval reaches 95 %; then it is the range.
 */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.map((value) => value + 0).toSorted((a, b) => a - b); // + 0: no negative zero, which has no order
  const n = sorted.length;
  const middle = (sorted[(n - 1) >> 1]! + sorted[n >> 1]!) / 2;
  let k = 0;
  while (binomialTail(n, k + 1) <= 0.025) k++;
  const rank = Math.max(0, k - 1);
  return { median: middle, low: sorted[rank]!, high: sorted[n - 1 - rank]! };
}

/** P(Binomial(n, ½) < k) */
function binomialTail(n: number, k: number): number {
  let term = 0.5 ** n;
  let sum = 0;
  for (let i = 0; i < k; i++) {
    sum += term;
    term = (term * (n - i)) / (i + 1);
  }
  return sum;
}

/** "219 [214 .. 223]" */
export function show({ median, low, high }: Summary, digits = 0): string {
  return `${median.toFixed(digits)} [${low.toFixed(digits)} .. ${high.toFixed(digits)}]`;
}
