import type { Expression } from "../../core/constraint.ts";
import { choice, optional, repeat, sequence, text } from "./expressions.ts";
import { digit, mostDigits } from "./json-text.ts";

/** Numbers between two decimal ones; a missing one is no bound. */
export interface NumberRange {
  readonly low: number | undefined;
  readonly high: number | undefined;
  /** The bound itself is not in it. */
  readonly openLow: boolean;
  readonly openHigh: boolean;
  /** Digits behind the point, at most. */
  readonly decimals: number;
}

/** Whole numbers of up to 15 digits from `low` to `high`; undefined if there are none. */
export function integersFrom(low: number | undefined, high: number | undefined): Expression | undefined {
  const negative = low === undefined || low < 0;
  const positive = high === undefined || high >= 0;
  const magnitudes = negative && naturals(Math.max(1, -(high ?? 0)), low === undefined ? undefined : -low);
  return oneOf(magnitudes && sequence(text("-"), magnitudes), positive && naturals(Math.max(0, low ?? 0), high));
}

/** Decimal numbers in a range; undefined if there are none. */
export function numbersIn({ low, high, openLow, openHigh, decimals: left }: NumberRange): Expression | undefined {
  const negative = low === undefined || low < 0;
  const positive = high === undefined || high >= 0;
  const below = high !== undefined && high < 0 ? { low: -high, openLow: openHigh } : { low: 0, openLow: true };
  const above = low !== undefined && low >= 0 ? { low, openLow } : { low: 0, openLow: false };
  const magnitudes =
    negative && decimals({ ...below, high: low === undefined ? undefined : -low, openHigh: openLow, decimals: left });
  return oneOf(
    magnitudes && sequence(text("-"), magnitudes),
    positive && decimals({ ...above, high, openHigh, decimals: left }),
  );
}

/** None of them negative. */
function decimals({ low, high, openLow, openHigh, decimals: left }: NumberRange & { readonly low: number }) {
  const [lowWhole, lowFraction] = split(low);
  if (high === undefined)
    return oneOf(withFraction(lowWhole, { low: lowFraction, openLow, left }), wholes(lowWhole + 1, undefined, left));
  const [highWhole, highFraction] = split(high);
  if (lowWhole > highWhole) return undefined;
  if (lowWhole === highWhole)
    return withFraction(lowWhole, { low: lowFraction, openLow, high: highFraction, openHigh, left });
  return oneOf(
    withFraction(lowWhole, { low: lowFraction, openLow, left }),
    wholes(lowWhole + 1, highWhole - 1, left),
    withFraction(highWhole, { high: highFraction, openHigh, left }),
  );
}

/** Its whole part, and the digits behind its point. */
function split(value: number): readonly [whole: number, fraction: string] {
  const [whole, fraction = ""] = `${value}`.split(".");
  return [Number(whole), fraction];
}

/** With any fraction. */
function wholes(low: number, high: number | undefined, left: number): Expression | undefined {
  const found = naturals(low, high);
  const fraction = left === 0 ? text("") : optional(sequence(text("."), repeat(digit(), 1, left)));
  return found && sequence(found, fraction);
}

interface Fractions {
  /** Digits that it must not be less than, or (open) must be more than. Undefined = any. */
  readonly low?: string | undefined;
  readonly openLow?: boolean;
  readonly high?: string | undefined;
  readonly openHigh?: boolean;
  /** Digits that can still be written. */
  readonly left: number;
}

function withFraction(whole: number, fractions: Fractions): Expression | undefined {
  const more = furtherDigits(fractions);
  return oneOf(canEnd(fractions) && text(`${whole}`), more && sequence(text(`${whole}.`), more));
}

/** What is left of the bounds is met by nothing more. */
function canEnd({ low, openLow, high, openHigh }: Fractions): boolean {
  const isHighEnough = low === undefined || (!openLow && /^0*$/.test(low));
  return isHighEnough && (high === undefined || !openHigh || /[1-9]/.test(high));
}

/** One digit or more. */
function furtherDigits(fractions: Fractions): Expression | undefined {
  const { low, high, left } = fractions;
  if (left === 0) return undefined;
  if (low === undefined && high === undefined) return repeat(digit(), 1, left);
  const [first, last] = [Number(low?.[0] ?? 0), high === undefined ? 9 : Number(high[0] ?? 0)];
  const go = (from: number, to: number, then: Fractions): Expression | undefined => {
    if (from > to) return undefined;
    const more = furtherDigits(then);
    const rest = more === undefined ? text("") : canEnd(then) ? optional(more) : more;
    return more === undefined && !canEnd(then) ? undefined : sequence(digit(from, to), rest);
  };
  // Behind a digit that lies between the bounds' own neither counts any more.
  const between = { ...fractions, low: undefined, high: undefined, left: left - 1 };
  const [lowRest, highRest] = [low?.slice(1), high?.slice(1)];
  if (low !== undefined && high !== undefined && first === last)
    return go(first, last, { ...between, low: lowRest, high: highRest });
  return oneOf(
    low !== undefined && go(first, first, { ...between, low: lowRest }),
    go(low === undefined ? 0 : first + 1, high === undefined ? 9 : last - 1, between),
    high !== undefined && go(last, last, { ...between, high: highRest }),
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
