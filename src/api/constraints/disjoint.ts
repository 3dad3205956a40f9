import { isObject, jsonTypes, type JsonType, type Schema } from "./schema-place.ts";

/** No value can be valid under two of these schemas: what they say of types, or of a constant property, tells them apart. */
export function areDisjoint(schemas: readonly unknown[]): boolean {
  const known = schemas.filter(isObject);
  if (known.length < schemas.length) return false;
  const types = known.map(({ type }) => jsonTypes.find((name) => name === type));
  if (types.every((type) => type !== undefined) && haveDifferentTypes(types)) return true;
  const [first, ...others] = known.map(constantsOf);
  return [...(first?.keys() ?? [])].some((name) => {
    const values = [first!, ...others].map((constants) => constants.get(name));
    return !values.includes(undefined) && new Set(values).size === values.length;
  });
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
    const values = Object.hasOwn(schema, "const") ? [schema["const"]] : schema["enum"];
    if (Array.isArray(values) && values.length === 1 && !(typeof values[0] === "object"))
      found.set(name as string, JSON.stringify(values[0]));
  }
  return found;
}
