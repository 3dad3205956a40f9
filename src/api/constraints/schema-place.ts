import { failure, type MillraceError } from "../../core/errors.ts";
import { describe } from "../shown-value.ts";
import { mostRepetitions } from "./cursor.ts";

export type Schema = Readonly<Record<string, unknown>>;

/** A schema, and where it stands: `response_format.json_schema.schema.properties.age`. */
export interface Place {
  readonly schema: Schema;
  readonly path: string;
}

export const jsonTypes = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
export type JsonType = (typeof jsonTypes)[number];

export function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const longestPath = 300;

export function unsupported(path: string, problem: string): MillraceError {
  return failure("unsupported_field", { field: path.slice(-longestPath), problem });
}

/** The value of a keyword if it is there. Throws if it is not what is accepted. */
export function keyword<T>(
  { schema, path }: Place,
  name: string,
  { is, accepted }: { readonly is: (value: unknown) => value is T; readonly accepted: string },
): T | undefined {
  const value = Object.hasOwn(schema, name) ? schema[name] : undefined;
  if (value === undefined || is(value)) return value;
  throw failure("invalid_value", { field: `${path}.${name}`.slice(-longestPath), value: describe(value), accepted });
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= mostRepetitions;
const isNumber = (value: unknown): value is number => typeof value === "number";
const isString = (value: unknown): value is string => typeof value === "string";
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);
const isNonEmptyList = (value: unknown): value is readonly unknown[] => isList(value) && value.length > 0;
const isNames = (value: unknown): value is readonly string[] => isList(value) && value.every(isString);
const isSchema = (value: unknown): value is Schema | boolean => isObject(value) || isBoolean(value);

/** What keywords may be. */
export const kinds = {
  count: { is: isCount, accepted: `a whole number from 0 to ${mostRepetitions}` },
  number: { is: isNumber, accepted: "a number" },
  string: { is: isString, accepted: "a string" },
  boolean: { is: isBoolean, accepted: "true or false" },
  list: { is: isNonEmptyList, accepted: "an array that is not empty" },
  names: { is: isNames, accepted: "an array of strings" },
  schemas: { is: isObject, accepted: "an object of JSON schemas" },
  schema: { is: isSchema, accepted: "a JSON schema" },
} as const;

/** Which types a keyword says something about. */
export const keywordTypes: Readonly<Record<string, JsonType>> = {
  properties: "object",
  required: "object",
  additionalProperties: "object",
  propertyNames: "object",
  items: "array",
  prefixItems: "array",
  minItems: "array",
  maxItems: "array",
  uniqueItems: "array",
  minLength: "string",
  maxLength: "string",
  pattern: "string",
  format: "string",
  minimum: "number",
  maximum: "number",
  exclusiveMinimum: "number",
  exclusiveMaximum: "number",
  multipleOf: "number",
};

/** Which types a schema allows; undefined = any. Where it names none, those that it says something about. */
export function typesOf(place: Place): readonly JsonType[] | undefined {
  const { schema, path } = place;
  if (!Object.hasOwn(schema, "type")) {
    const implied = Object.keys(schema).flatMap((key) => (Object.hasOwn(keywordTypes, key) ? keywordTypes[key]! : []));
    return implied.length === 0 ? undefined : [...new Set(implied)];
  }
  const given = Array.isArray(schema["type"]) ? (schema["type"] as unknown[]) : [schema["type"]];
  const isType = (value: unknown): value is JsonType => jsonTypes.some((type) => type === value);
  if (given.length > 0 && given.every(isType)) return [...new Set(given)];
  const value = describe(given.length === 0 ? given : given.find((one) => !isType(one)));
  throw failure("invalid_value", { field: `${path}.type`.slice(-longestPath), value, accepted: jsonTypes.join(", ") });
}

/** It is more levels deep than so many. */
export function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** A value is of type `integer` and of type `number` if it is both. */
export function isOfType(value: unknown, type: JsonType): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  return type === "object" ? isObject(value) : typeof value === type;
}
