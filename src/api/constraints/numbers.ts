import type { Expression } from "../../core/constraint.ts";
import { choice, text, type Rules } from "./expressions.ts";
import { anyInteger, anyNumber } from "./json-text.ts";
import { integersFrom, numbersIn, type NumberRange } from "./number-range.ts";
import { keyword, kinds, unsupported, type Place } from "./schema-place.ts";

/** Together fifteen digits: a double tells all of them apart. */
const mostDecimalBound = 1e9;
const mostDecimals = 6;
/** Numbers within bounds are made with 15 digits before the point at most. */
const beyondReach = 1e15;
const mostMultiples = 1000;

const boundNames = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] as const;
type Bounds = Omit<NumberRange, "decimals">;

export function numberOf(place: Place, rules: Rules, type: "number" | "integer"): Expression {
  const { path } = place;
  const step = stepOf(place, type);
  const bounds = boundsOf(place, type);
  if (bounds === undefined && step === undefined) return type === "integer" ? anyInteger(rules) : anyNumber(rules);
  const range = bounds ?? { low: undefined, high: undefined, openLow: false, openHigh: false };
  if (step === undefined || isPowerOfTen(step)) {
    const decimals = step === undefined ? mostDecimals : Math.round(-Math.log10(step));
    const found = type === "integer" ? integersIn(range) : numbersIn({ ...range, decimals });
    if (found !== undefined) return found;
  } else {
    const { low, high } = range;
    const isNear = low !== undefined && high !== undefined && Math.max(-low, high) <= mostDecimalBound;
    if (!isNear || (high - low) / step > mostMultiples)
      throw unsupported(
        `${path}.multipleOf`,
        `only 1, 0.1, 0.01, …, or up to ${mostMultiples} multiples between bounds can be enforced`,
      );
    const found = multiplesIn({ ...range, low, high }, step).filter(
      (value) => type === "number" || Number.isInteger(value),
    );
    if (found.length > 0) return choice(...found.map((value) => text(`${value}`)));
  }
  throw unsupported(path, "no number that can be made lies between its bounds");
}

/** Undefined = any number of the type is a multiple, as far as digits go. */
function stepOf(place: Place, type: "number" | "integer"): number | undefined {
  const step = keyword(place, "multipleOf", kinds.number);
  if (step === undefined || (type === "integer" && Number.isInteger(1 / step))) return undefined;
  if (step > 0 && decimalsOf(step) <= mostDecimals) return step;
  throw unsupported(
    `${place.path}.multipleOf`,
    `only of more than 0, with up to ${mostDecimals} decimals, can be enforced`,
  );
}

function isPowerOfTen(step: number): boolean {
  return /^(1|0\.0*1)$/.test(`${step}`);
}

/** Infinity where it is written with an exponent. */
function decimalsOf(value: number): number {
  const [, fraction = ""] = `${value}`.split(".");
  return /^-?[\d.]+$/.test(`${value}`) ? fraction.length : Infinity;
}

function boundsOf(place: Place, type: "number" | "integer"): Bounds | undefined {
  const given = boundNames.map((name) => keyword(place, name, kinds.number));
  if (given.every((value) => value === undefined)) return undefined;
  const [minimum = -Infinity, maximum = Infinity, above = -Infinity, below = Infinity] = given;
  const [low, high] = [Math.max(minimum, above), Math.min(maximum, below)];
  for (const value of [low, high]) {
    const fits = type === "integer" || (Math.abs(value) <= mostDecimalBound && decimalsOf(value) <= mostDecimals);
    if (!fits && Math.abs(value) < beyondReach)
      throw unsupported(
        place.path,
        `of numbers only bounds up to ${mostDecimalBound} with up to ${mostDecimals} decimals can be enforced; ${value} is none`,
      );
  }
  const [openLow, openHigh] = [above >= minimum, below <= maximum];
  const isEmpty = low > high || (low === high && (openLow || openHigh));
  if (isEmpty || low >= beyondReach || high <= -beyondReach)
    throw unsupported(place.path, "no number that can be made lies between its bounds");
  return {
    low: low <= -beyondReach ? undefined : low,
    high: high >= beyondReach ? undefined : high,
    openLow,
    openHigh,
  };
}

function integersIn({ low, high, openLow, openHigh }: Bounds): Expression | undefined {
  return integersFrom(
    low === undefined ? undefined : openLow ? Math.floor(low) + 1 : Math.ceil(low),
    high === undefined ? undefined : openHigh ? Math.ceil(high) - 1 : Math.floor(high),
  );
}

/** Those that are multiples as doubles too, for that is how they will be checked. */
function multiplesIn(
  { low, high, openLow, openHigh }: Bounds & { readonly low: number; readonly high: number },
  step: number,
): number[] {
  const scale = 10 ** decimalsOf(step);
  const unit = Math.round(step * scale);
  const found: number[] = [];
  for (let times = Math.floor((low * scale) / unit) - 1; (times * unit) / scale <= high; times++) {
    const value = (times * unit) / scale;
    const isAbove = openLow ? value > low : value >= low;
    if (isAbove && !(openHigh && value === high) && Number.isInteger(value / step)) found.push(value);
  }
  return found;
}
