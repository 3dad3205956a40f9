import type { Expression } from "../../core/constraint.ts";
import { choice, repeat, sequence, text, type Rules } from "./expressions.ts";
import {
  anyInteger,
  anyNumber,
  array,
  colon,
  comma,
  dictionary,
  inQuotes,
  string,
  writeInString,
} from "./json-text.ts";
import { integersFrom, numbersIn, type NumberRange } from "./number-range.ts";
import { parseRegex } from "./regex.ts";
import { isObject, keyword, kinds, unsupported, type Place, type Schema } from "./schema-place.ts";
import { stringFormats } from "./string-formats.ts";

/** What the parts of a schema are made with. */
export interface SchemaWork {
  readonly rules: Rules;
  readonly compile: (schema: unknown, path: string) => Expression;
}

const mostDecimalBound = 1e9;
/** Numbers within bounds are made with 15 digits before the point at most. */
const beyondReach = 1e15;

/**
 * An object with its properties in the order of the schema. Others are never made, unless the schema names none; so
 * `additionalProperties: true` is kept to as well.
 */
export function objectOf(place: Place, { rules, compile }: SchemaWork): Expression {
  const { path } = place;
  const properties = keyword(place, "properties", kinds.schemas) ?? {};
  const required = new Set(keyword(place, "required", kinds.names));
  const additional = keyword(place, "additionalProperties", kinds.schema) ?? true;
  const allNames = keyword(place, "propertyNames", kinds.schema) ?? true;
  if (!holdsForStrings(allNames)) throw unsupported(`${path}.propertyNames`, 'only {"type": "string"} can be enforced');
  const undeclared = [...required].filter((name) => !Object.hasOwn(properties, name));
  const names = [...Object.keys(properties), ...undeclared];
  if (names.length === 0) {
    if (additional === false) return text("{}");
    return dictionary(
      rules,
      rules.named(`${path} others`, () => compile(additional, `${path}.additionalProperties`)),
    );
  }
  if (isObject(additional) && Object.keys(additional).length > 0)
    throw unsupported(`${path}.additionalProperties`, "a schema here cannot be enforced beside 'properties'");
  if (additional === false && undeclared.length > 0)
    throw unsupported(
      `${path}.required`,
      `'${undeclared[0]!.slice(0, 60)}' is not among 'properties', and no others may be`,
    );
  return sequence(text("{"), members(names, { path, properties, required }, { rules, compile }), text("}"));
}

/** A schema under which any string is valid, as libraries write it for keys. */
function holdsForStrings(schema: Schema | boolean): boolean {
  if (!isObject(schema)) return schema;
  return Object.entries(schema).every(([key, value]) => key === "type" && value === "string");
}

interface Declared {
  readonly path: string;
  readonly properties: Schema;
  readonly required: ReadonlySet<string>;
}

/** Rules for what may come from each property on: at the beginning, and behind another. Each is there once. */
function members(
  names: readonly string[],
  { path, properties, required }: Declared,
  { rules, compile }: SchemaWork,
): Expression {
  let first = text("");
  let further = text("");
  for (const [index, name] of [...names.entries()].toReversed()) {
    const [laterFirst, later] = [first, further];
    const member = rules.named(`${path} member ${index}`, () => {
      const schema = Object.hasOwn(properties, name) ? properties[name] : true;
      return sequence(text(JSON.stringify(name)), colon, compile(schema, `${path}.properties.${name}`));
    });
    const begins = sequence(member, later);
    const follows = sequence(comma, member, later);
    const isRequired = required.has(name);
    first = rules.named(`${path} from ${index}`, () => (isRequired ? begins : choice(begins, laterFirst)));
    further = rules.named(`${path} behind ${index}`, () => (isRequired ? follows : choice(follows, later)));
  }
  return first;
}

/** An array; items that a tuple names are all made. */
export function arrayOf(place: Place, { rules, compile }: SchemaWork): Expression {
  const { path } = place;
  const least = keyword(place, "minItems", kinds.count) ?? 0;
  const most = keyword(place, "maxItems", kinds.count);
  const items = keyword(place, "items", kinds.schema);
  const named = keyword(place, "prefixItems", kinds.list) ?? [];
  if (keyword(place, "uniqueItems", kinds.boolean) === true)
    throw unsupported(`${path}.uniqueItems`, "that items differ cannot be enforced");
  if (least > (most ?? Infinity)) throw unsupported(`${path}.minItems`, "it is more than 'maxItems'");
  const isClosed = items === false || (named.length > 0 && items === undefined && least <= named.length);
  if (isClosed && least > named.length) throw unsupported(`${path}.minItems`, "there are not so many items");
  const item = (): Expression => rules.named(`${path} item`, () => compile(items ?? true, `${path}.items`));
  const tuple = named.slice(0, most).map((schema, index) => compile(schema, `${path}.prefixItems.${index}`));
  if (tuple.length === 0) return isClosed || most === 0 ? text("[]") : array(item(), least, most);
  const head = tuple.flatMap((one, index) => (index === 0 ? [one] : [comma, one]));
  if (isClosed || most === tuple.length) return sequence(text("["), ...head, text("]"));
  const rest = repeat(
    sequence(comma, item()),
    Math.max(0, least - tuple.length),
    most === undefined ? undefined : most - tuple.length,
  );
  return sequence(text("["), ...head, rest, text("]"));
}

export function stringOf(place: Place, { rules }: SchemaWork): Expression {
  const { path } = place;
  const least = keyword(place, "minLength", kinds.count) ?? 0;
  const most = keyword(place, "maxLength", kinds.count);
  const pattern = keyword(place, "pattern", kinds.string);
  const format = keyword(place, "format", kinds.string);
  const isCounted = least > 0 || most !== undefined;
  if (pattern !== undefined && format !== undefined)
    throw unsupported(`${path}.pattern`, "it cannot be enforced beside 'format'");
  if ((pattern ?? format) !== undefined && isCounted) {
    const field = `${path}.${least > 0 ? "minLength" : "maxLength"}`;
    throw unsupported(field, `it cannot be enforced beside '${pattern === undefined ? "format" : "pattern"}'`);
  }
  if (least > (most ?? Infinity)) throw unsupported(`${path}.minLength`, "it is more than 'maxLength'");
  if (pattern !== undefined)
    return inQuotes(parseRegex(pattern, { field: `${path}.pattern`, partial: true, write: writeInString }));
  if (format === undefined) return string(rules, least, most);
  const known = Object.hasOwn(stringFormats, format) ? stringFormats[format] : undefined;
  if (known !== undefined) return inQuotes(parseRegex(known, { field: `${path}.format`, partial: false }));
  const problem = `'${format.slice(0, 60)}' cannot be enforced; accepted: ${Object.keys(stringFormats).join(", ")}`;
  throw unsupported(`${path}.format`, problem);
}

export function numberOf(place: Place, { rules }: SchemaWork, type: "number" | "integer"): Expression {
  const { path } = place;
  const bound = (name: string): number | undefined => keyword(place, name, kinds.number);
  const multiple = bound("multipleOf");
  if (multiple !== undefined && !(type === "integer" && multiple === 1))
    throw unsupported(`${path}.multipleOf`, "only of integers 1 can be enforced");
  const names = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
  const [minimum = -Infinity, maximum = Infinity, above = -Infinity, below = Infinity] = names.map(bound);
  if (names.every((name) => bound(name) === undefined))
    return type === "integer" ? anyInteger(rules) : anyNumber(rules);
  const [openLow, openHigh] = [above >= minimum, below <= maximum];
  const given = { low: Math.max(minimum, above), high: Math.min(maximum, below) };
  for (const value of Object.values(given)) {
    const fits = type === "integer" || (Number.isInteger(value) && Math.abs(value) <= mostDecimalBound);
    if (!fits && Math.abs(value) < beyondReach)
      throw unsupported(
        path,
        `of numbers only whole bounds up to ${mostDecimalBound} can be enforced; ${value} is none`,
      );
  }
  const low = given.low <= -beyondReach ? undefined : given.low;
  const high = given.high >= beyondReach ? undefined : given.high;
  const isTooFar = given.low >= beyondReach || given.high <= -beyondReach;
  const range = isTooFar ? undefined : rangeOf(type, { low, high, openLow, openHigh });
  if (range === undefined) throw unsupported(path, "no number that can be made lies between its bounds");
  return range;
}

function rangeOf(type: "number" | "integer", range: NumberRange): Expression | undefined {
  if (type === "number") return numbersIn(range);
  const { low, high, openLow, openHigh } = range;
  return integersFrom(
    low === undefined ? undefined : openLow ? Math.floor(low) + 1 : Math.ceil(low),
    high === undefined ? undefined : openHigh ? Math.ceil(high) - 1 : Math.floor(high),
  );
}
