/** Where a value stands along an axis, and which values are marked on it. */
export interface Scale {
  readonly ticks: readonly number[];
  /** 0 at the beginning of the axis, 1 at its end. */
  position(value: number): number;
}

/** Begins at 0, or below if a value does: what is twice as long is twice as much. Counts have no ticks between them. */
export function linearScale(values: readonly number[]): Scale {
  const low = least(values, 0);
  const high = most(values, low);
  const finest = values.every(Number.isInteger) ? 1 : 0;
  const step = Math.max(finest, roundStep((high === low ? 1 : high - low) / 5));
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  return { ticks, position: (value) => (value / step - first) / (last - first) };
}

/** For values above 0; others have no place on it. */
export function logScale(values: readonly number[]): Scale {
  const placed = values.filter((value) => value > 0);
  const low = placed.length === 0 ? 1 : least(placed, Infinity);
  const high = placed.length === 0 ? 10 : most(placed, 0);
  const marks = marksBetween(low, high, high / low > 1000 ? [1] : [1, 2, 5]);
  const from = Math.log(marks[0]!);
  const to = Math.log(marks.at(-1)!);
  return { ticks: marks, position: (value) => (Math.log(value) - from) / (to - from) };
}

/** The multiples of powers of ten from the last at or below `low` to the first at or above `high`, at least two. */
function marksBetween(low: number, high: number, multiples: readonly number[]): number[] {
  const decade = Math.floor(Math.log10(low));
  const decades = Math.ceil(Math.log10(high)) - decade + 2;
  const all = Array.from({ length: decades }, (_, i) => multiples.map((m) => m * power(decade + i))).flat();
  const first = all.findLastIndex((mark) => mark <= low * (1 + 1e-9));
  const last = all.findIndex((mark) => mark >= high * (1 - 1e-9));
  return all.slice(Math.max(0, first), Math.max(last, first + 1) + 1);
}

/** The least of 1, 2 and 5 times a power of ten that is not below `step`. */
function roundStep(step: number): number {
  const decade = power(Math.floor(Math.log10(step)));
  return decade * ([1, 2, 5].find((multiple) => multiple * decade >= step * (1 - 1e-9)) ?? 10);
}

/** 10 to the `exponent`, as near as a number can be: `10 ** -5` is not. */
function power(exponent: number): number {
  return Number(`1e${exponent}`);
}

// Not Math.min(...values): a run can have more values than a call may have arguments.
function least(values: readonly number[], start: number): number {
  return values.reduce((a, b) => Math.min(a, b), start);
}

function most(values: readonly number[], start: number): number {
  return values.reduce((a, b) => Math.max(a, b), start);
}
