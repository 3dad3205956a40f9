/** As much of a JSON schema as the page shows. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** What fits a schema, in a few words: `number 0 … 2`, `string or array of string`. That null fits is left out. */
export function schemaText(schema: Schema): string {
  if (schema.anyOf !== undefined) return either(schema.anyOf.map(schemaText));
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined)
    return either(schema.enum.filter((one) => one !== null).map((one) => JSON.stringify(one)));
  const { type = [], items, minimum, maximum } = schema;
  const types = [type].flat().filter((one) => one !== "null");
  if (types.length === 1 && types[0] === "array" && items !== undefined) return `array of ${schemaText(items)}`;
  const range = minimum === undefined && maximum === undefined ? "" : ` ${minimum ?? ""} … ${maximum ?? ""}`;
  return either(types) + range;
}

function either(words: readonly string[]): string {
  return [...new Set(words)].filter((word) => word !== "").join(" or ");
}
