import type { Expression } from "../../core/constraint.ts";
import { choice, repeat, sequence, text, type Rules } from "./expressions.ts";
import { array, colon, comma, dictionary, inQuotes, string, writeInString } from "./json-text.ts";
import { lengthsOf } from "./pattern.ts";
import { parseRegex } from "./regex.ts";
import { isObject, keyword, kinds, unsupported, type Place, type Schema } from "./schema-place.ts";
import { freeFormats, stringFormats } from "./string-formats.ts";
import { anyCharacter, textsOf } from "./texts.ts";

/** What the parts of a schema are made with. */
export interface SchemaWork {
  readonly rules: Rules;
  readonly compile: (schema: unknown, path: string) => Expression;
}

/**
 * An object with its properties in the order of the schema, and others that it requires or names. Any others are never made
 * beside them; so `additionalProperties` is kept to as well.
 */
export function objectOf(place: Place, { rules, compile }: SchemaWork): Expression {
  const { path } = place;
  const properties = keyword(place, "properties", kinds.schemas) ?? {};
  const required = new Set(keyword(place, "required", kinds.names));
  const additional = keyword(place, "additionalProperties", kinds.schema) ?? true;
  const possible = possibleNames(place);
  const others = [...(possible ?? required)].filter((name) => !Object.hasOwn(properties, name));
  const names = [...Object.keys(properties).filter((name) => possible?.has(name) ?? true), ...others];
  const impossible = [...required].find((name) => !(possible?.has(name) ?? true));
  if (impossible !== undefined)
    throw unsupported(`${path}.required`, `'${impossible.slice(0, 60)}' is not among 'propertyNames'`);
  const undeclared = others.find((name) => required.has(name));
  if (additional === false && undeclared !== undefined)
    throw unsupported(
      `${path}.required`,
      `'${undeclared.slice(0, 60)}' is not among 'properties', and no others may be`,
    );
  const allowed = additional === false ? names.filter((name) => Object.hasOwn(properties, name)) : names;
  if (allowed.length > 0)
    return sequence(
      text("{"),
      members(allowed, { place, properties, required, additional }, { rules, compile }),
      text("}"),
    );
  if (additional === false || possible !== undefined) return text("{}");
  return dictionary(
    rules,
    rules.own(() => compile(additional, `${path}.additionalProperties`)),
  );
}

/** By `propertyNames`; undefined = any. */
function possibleNames(place: Place): ReadonlySet<string> | undefined {
  const schema = keyword(place, "propertyNames", kinds.schema) ?? true;
  if (schema === true) return undefined;
  const { type = "string", enum: names, ...others } = isObject(schema) ? schema : { not: {} };
  const isKnown = type === "string" && Object.keys(others).length === 0;
  if (isKnown && names === undefined) return undefined;
  if (isKnown && kinds.names.is(names)) return new Set(names);
  throw unsupported(`${place.path}.propertyNames`, 'only {"type": "string"} and an "enum" of strings can be enforced');
}

interface Declared {
  readonly place: Place;
  readonly properties: Schema;
  /** Of those that are not declared. */
  readonly additional: Schema | boolean;
  readonly required: ReadonlySet<string>;
}

/** Rules for what may come from each property on: at the beginning, and behind another. Each is there once. */
function members(
  names: readonly string[],
  { place: { path }, properties, additional, required }: Declared,
  { rules, compile }: SchemaWork,
): Expression {
  let first = text("");
  let further = text("");
  for (const name of names.toReversed()) {
    const [laterFirst, later] = [first, further];
    const member = rules.own(() => {
      const value = Object.hasOwn(properties, name)
        ? compile(properties[name], `${path}.properties.${name}`)
        : compile(additional, `${path}.additionalProperties`);
      return sequence(text(JSON.stringify(name)), colon, value);
    });
    const begins = sequence(member, later);
    const follows = sequence(comma, member, later);
    const isRequired = required.has(name);
    first = rules.own(() => (isRequired ? begins : choice(begins, laterFirst)));
    further = rules.own(() => (isRequired ? follows : choice(follows, later)));
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
  const item = (): Expression => rules.own(() => compile(items ?? true, `${path}.items`));
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

/** Both what the pattern and what the format says, where both are there, and as long as is asked for. */
export function stringOf(place: Place, { rules }: SchemaWork): Expression {
  const { path } = place;
  const least = keyword(place, "minLength", kinds.count) ?? 0;
  const most = keyword(place, "maxLength", kinds.count);
  if (least > (most ?? Infinity)) throw unsupported(`${path}.minLength`, "it is more than 'maxLength'");
  const pattern = keyword(place, "pattern", kinds.string);
  const format = formatOf(place, pattern !== undefined);
  const texts = { pattern, format, least, most };
  if (pattern === undefined && format === undefined) return string(rules, least, most);
  return rules.named(`texts ${JSON.stringify(texts)}`, () => inQuotes(textsIn(texts, path, rules)));
}

interface Texts {
  readonly pattern: string | undefined;
  /** As a regular expression. */
  readonly format: string | undefined;
  readonly least: number;
  readonly most: number | undefined;
}

/** With a pattern or a format. */
function textsIn({ pattern, format, least, most }: Texts, path: string, rules: Rules): Expression {
  const [first, ...others] = [
    ...(pattern === undefined ? [] : [parseRegex(pattern, { field: `${path}.pattern`, partial: true })]),
    ...(format === undefined ? [] : [parseRegex(format, { field: `${path}.format`, partial: false })]),
  ];
  const lengths = [first!, ...others].map(lengthsOf);
  const isLongEnough = lengths.some(([fewest]) => fewest >= least);
  const isShortEnough = lengths.some(([, longest]) => longest <= (most ?? Infinity));
  if (!isLongEnough || !isShortEnough) others.push({ kind: "repeat", of: anyCharacter, least, most });
  const field = `${path}.${pattern === undefined ? "format" : "pattern"}`;
  return textsOf([first!, ...others], { rules, write: writeInString, field });
}

/** As a regular expression. One that is not known is what a pattern beside it says. */
function formatOf(place: Place, hasPattern: boolean): string | undefined {
  const format = keyword(place, "format", kinds.string);
  if (format === undefined || freeFormats.includes(format)) return undefined;
  if (Object.hasOwn(stringFormats, format)) return stringFormats[format];
  if (hasPattern) return undefined;
  const problem = `'${format.slice(0, 60)}' cannot be enforced; accepted: ${Object.keys(stringFormats).join(", ")}`;
  throw unsupported(`${place.path}.format`, problem);
}
