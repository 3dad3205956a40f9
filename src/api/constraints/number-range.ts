import type { Expression } from "../../core/constraint.ts";
import { choice, optional, repeat, sequence, text } from "./expressions.ts";
import { digit, mostDigits } from "./json-text.ts";

/** Numbers between two whole ones; a missing one is no bound. */
export interface NumberRange {
  readonly low: number | undefined;
  readonly high: number | undefined;
  /** The bound itself is not in it. */
  readonly openLow: boolean;
  readonly openHigh: boolean;
}

/** With a bound of up to nine digits, a double tells all of them apart. */
const fractionDigits = 6;
const point = text(".");
const anyFraction = sequence(point, repeat(digit(), 1, fractionDigits));
const zeroFraction = sequence(point, repeat(text("0"), 1, fractionDigits));
const positiveFraction = sequence(
  point,
  choice(
    ...Array.from({ length: fractionDigits }, (_, zeros) =>
      sequence(text("0".repeat(zeros)), digit(1), repeat(digit(), 0, fractionDigits - 1 - zeros)),
    ),
  ),
);

/** Whole numbers of up to 15 digits from `low` to `high`; undefined if there are none. */
export function integersFrom(low: number | undefined, high: number | undefined): Expression | undefined {
  const negative = low === undefined || low < 0;
  const positive = high === undefined || high >= 0;
  const magnitudes = negative && naturals(Math.max(1, -(high ?? 0)), low === undefined ? undefined : -low);
  return oneOf(magnitudes && sequence(text("-"), magnitudes), positive && naturals(Math.max(0, low ?? 0), high));
}

/** Decimal numbers in a range; undefined if there are none. */
export function numbersIn({ low, high, openLow, openHigh }: NumberRange): Expression | undefined {
  const negative = low === undefined || low < 0;
  const positive = high === undefined || high >= 0;
  const below = high !== undefined && high < 0 ? { low: -high, openLow: openHigh } : { low: 0, openLow: true };
  const above = low !== undefined && low >= 0 ? { low, openLow } : { low: 0, openLow: false };
  const magnitudes = negative && decimals({ ...below, high: low === undefined ? undefined : -low, openHigh: openLow });
  return oneOf(magnitudes && sequence(text("-"), magnitudes), positive && decimals({ ...above, high, openHigh }));
}

/** None of them negative. */
function decimals({ low, high, openLow, openHigh }: NumberRange & { readonly low: number }): Expression | undefined {
  const inside = naturals(low + 1, high === undefined ? undefined : high - 1);
  const isWide = high === undefined || low < high;
  const atLow = isWide && sequence(text(`${low}`), openLow ? positiveFraction : optional(anyFraction));
  const hasHigh = high !== undefined && !openHigh && (low < high || (low === high && !openLow));
  return oneOf(
    inside && sequence(inside, optional(anyFraction)),
    atLow,
    hasHigh && sequence(text(`${high}`), optional(zeroFraction)),
  );
}

/** Whole numbers from `low`, which is not negative, to `high`. */
function naturals(low: number, high: number | undefined): Expression | undefined {
  const last = high === undefined ? "9".repeat(mostDigits) : `${high}`;
  if (low > Number(last)) return undefined;
  const options: Expression[] = [];
  let first = `${low}`;
  for (let length = first.length; length <= last.length; length++) {
    options.push(sameLength(first, length === last.length ? last : "9".repeat(length)));
    first = `1${"0".repeat(length)}`;
  }
  return choice(...options);
}

/** Numbers with as many digits as the two have, from one to the other. */
function sameLength(low: string, high: string): Expression {
  const [a, b] = [Number(low[0]), Number(high[0])];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  const left = lowRest.length;
  if (left === 0) return digit(a, b);
  if (a === b) return sequence(digit(a, a), sameLength(lowRest, highRest));
  const cutsLow = /[1-9]/.test(lowRest);
  const cutsHigh = /[0-8]/.test(highRest);
  const [from, to] = [cutsLow ? a + 1 : a, cutsHigh ? b - 1 : b];
  return oneOf(
    cutsLow && sequence(digit(a, a), sameLength(lowRest, "9".repeat(left))),
    from <= to && sequence(digit(from, to), repeat(digit(), left, left)),
    cutsHigh && sequence(digit(b, b), sameLength("0".repeat(left), highRest)),
  )!;
}

function oneOf(...options: readonly (Expression | false | undefined)[]): Expression | undefined {
  const present = options.filter((option) => option !== undefined && option !== false);
  return present.length === 0 ? undefined : choice(...present);
}
