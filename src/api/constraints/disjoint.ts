import { isObject, jsonTypes, type JsonType, type Schema } from "./schema-place.ts";

/** No value can be valid under two of these schemas: what they say of types, values, or a constant property, tells them apart. */
export function areDisjoint(schemas: readonly unknown[]): boolean {
  const known = schemas.filter(isObject);
  if (known.length < schemas.length) return false;
  const types = known.map(({ type }) => jsonTypes.find((name) => name === type));
  if (types.every((type) => type !== undefined) && haveDifferentTypes(types)) return true;
  const values = known.map(scalarsOf);
  if (values.every((list) => list !== undefined)) return areDifferent(values.flat());
  const constants = known.map(constantsOf);
  const [first, ...others] = constants;
  let common = [...first!.keys()];
  for (const other of others) common = common.filter((name) => other.has(name));
  return common.some((name) => areDifferent(constants.map((one) => one.get(name)!)));
}

function areDifferent(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

/** The values that a schema allows, as JSON, where it lists them and none is an array or object. */
function scalarsOf(schema: Schema): readonly string[] | undefined {
  const values = Object.hasOwn(schema, "const") ? [schema["const"]] : schema["enum"];
  const isKnown = Array.isArray(values) && values.every((value) => typeof value !== "object" || value === null);
  return isKnown ? [...new Set(values.map((value: unknown) => JSON.stringify(value)))] : undefined;
}

/** An integer is a number too. */
function haveDifferentTypes(types: readonly JsonType[]): boolean {
  return new Set(types.map((type) => (type === "integer" ? "number" : type))).size === types.length;
}

/** Of an object schema: properties that must be there and can have one value only, as JSON. */
function constantsOf({ type, properties, required }: Schema): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (type !== "object" || !isObject(properties) || !Array.isArray(required)) return found;
  for (const name of required) {
    const schema = typeof name === "string" && Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!isObject(schema)) continue;
    const values = scalarsOf(schema);
    if (values?.length === 1) found.set(name as string, values[0]!);
  }
  return found;
}
