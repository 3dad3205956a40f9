import { expect, test } from "vitest";
import { problemOf } from "./check-constraint.ts";
import { parseJsonSchema } from "./json-schema.ts";
import { keywordTypes } from "./schema-place.ts";
import { errorOf } from "../openai/testing.ts";

const anything: unknown = { type: "string" };

function nested(levels: number): unknown {
  let schema = anything;
  for (let level = 0; level < levels; level++) schema = { type: "array", items: schema };
  return schema;
}

const manyNames = Array.from({ length: 5000 }, (_, at) => `name ${at}`);

test.each<[schema: unknown, field: string]>([
  [{ not: {} }, "schema.not"],
  [
    { type: "object", properties: { a: { type: "array", items: anything, uniqueItems: true } } },
    "schema.properties.a.uniqueItems",
  ],
  [{ type: "object", patternProperties: {} }, "schema.patternProperties"],
  [{ type: "object", propertyNames: { pattern: "a" } }, "schema.propertyNames"],
  [{ type: "object", minProperties: 1 }, "schema.minProperties"],
  [{ type: "object", propertyNames: { enum: ["a"] }, required: ["b"] }, "schema.required"],
  [{ type: "object", propertyNames: { enum: ["a"] }, additionalProperties: false, required: ["a"] }, "schema.required"],
  [{ type: "object", properties: {}, required: ["a"], additionalProperties: false }, "schema.required"],
  [{ type: "object", required: [1] }, "schema.required"],
  [{ type: "object", properties: [] }, "schema.properties"],
  [{ type: "array", contains: anything }, "schema.contains"],
  [{ type: "array", minItems: 3, maxItems: 2 }, "schema.minItems"],
  [{ type: "array", prefixItems: [anything], items: false, minItems: 2 }, "schema.minItems"],
  [{ type: "string", pattern: "(?<=a)" }, "schema.pattern"],
  [{ type: "string", pattern: "aaaa", maxLength: 3 }, "schema.pattern"],
  [{ type: "string", pattern: "a.{999}b.{999}c", minLength: 5000 }, "schema.pattern"],
  [{ type: "string", pattern: "a", format: "date" }, "schema.pattern"],
  [{ type: "string", format: "date", maxLength: 9 }, "schema.format"],
  [{ type: "string", format: "jwt" }, "schema.format"],
  [{ type: "string", minLength: -1 }, "schema.minLength"],
  [{ type: "integer", multipleOf: 5 }, "schema.multipleOf"],
  [{ type: "number", multipleOf: 0.5 }, "schema.multipleOf"],
  [{ type: "number", multipleOf: 1e-7 }, "schema.multipleOf"],
  [{ type: "integer", multipleOf: 5, minimum: 1, maximum: 4 }, "schema"],
  [{ type: "number", multipleOf: 0 }, "schema.multipleOf"],
  [{ type: "number", maximum: 0.1234567 }, "schema"],
  [{ type: "number", minimum: 0.25, exclusiveMaximum: 0.25 }, "schema"],
  [{ type: "number", minimum: 0.5, maximum: 0.3 }, "schema"],
  [{ type: "number", minimum: 1.5, exclusiveMaximum: 1.2 }, "schema"],
  [{ type: "integer", multipleOf: 7, minimum: 9e14, maximum: 9e14 + 6300 }, "schema.multipleOf"],
  [{ type: "number", minimum: 2e9 }, "schema"],
  [{ type: "integer", minimum: 1e15 }, "schema"],
  [{ type: "integer", minimum: 3, maximum: 2 }, "schema"],
  [{ type: "integer", minimum: "3" }, "schema.minimum"],
  [{ type: 5 }, "schema.type"],
  [{ type: [] }, "schema.type"],
  [{ type: "string", nullable: true }, "schema.nullable"],
  [{ anyOf: [] }, "schema.anyOf"],
  [{ anyOf: [anything], minLength: 1 }, "schema.minLength"],
  [{ anyOf: [anything, { if: {} }] }, "schema.anyOf.1.if"],
  [{ oneOf: [{ type: "integer" }, { type: "number" }] }, "schema.oneOf"],
  [{ allOf: [anything, {}] }, "schema.allOf"],
  [{ type: "string", enum: [1] }, "schema"],
  [{ const: JSON.parse("1e400") }, "schema"],
  [{ enum: [[1234567890123456789n].map(Number)] }, "schema"],
  [{ anyOf: Array(200_000).fill(true) }, "schema.anyOf"],
  [{ type: "array", prefixItems: Array(200_000).fill(true) }, "schema.prefixItems"],
  [
    {
      oneOf: [
        {
          type: "object",
          required: manyNames,
          properties: Object.fromEntries(manyNames.map((name) => [name, { const: 1 }])),
        },
        ...Array.from({ length: 50_000 }, () => ({})),
      ],
    },
    "schema.oneOf",
  ],
  [{ type: "object", required: manyNames, propertyNames: { enum: manyNames.toReversed() } }, "schema"],
  [{ type: "string", pattern: "a".repeat(400_000) }, "schema.pattern"],
  [{ type: "string", pattern: String.raw`[^\s\S]` }, "schema.pattern"],
  [{ type: "string", pattern: "a{2000000}" }, "schema.pattern"],
  [{ type: "string", maxLength: 2_000_000 }, "schema.maxLength"],
  [{ $ref: "#/$defs/none" }, "schema.$ref"],
  [{ $ref: "https://example.com/schema" }, "schema.$ref"],
  [{ $ref: { toString: 1 } }, "schema.$ref"],
  [{ type: [{ toString: 1, valueOf: 1 }] }, "schema.type"],
  [{ $ref: "#/$defs/a", $defs: { a: { dependentRequired: {} } } }, "schema.$defs.a.dependentRequired"],
  [false, "schema"],
  [{ properties: { a: false } }, "schema.properties.a"],
  ["string", "schema"],
])("%.80j is refused at %s", (schema, field) => {
  const refusal = (): unknown => {
    try {
      return parseJsonSchema(schema, "schema");
    } catch (error) {
      return error;
    }
  };
  expect(refusal()).toMatchObject({
    code: expect.stringMatching(/^(unsupported_field|invalid_value)$/),
    param: expect.stringContaining(field),
  });
});

test("schemas that are deep in each other are refused before they fill the stack", () => {
  expect(() => parseJsonSchema(nested(100_000), "schema")).toThrow("in each other");
});

test.each(["$ref", "type", "const", "enum", "anyOf", "items", "required", "minimum", "pattern", "format"])(
  "a value of '%s' that is deep, or that no text can be made of, is refused by name",
  (keyword) => {
    const deep: unknown = JSON.parse("[".repeat(200_000) + "]".repeat(200_000));
    const base = Object.hasOwn(keywordTypes, keyword) ? { type: keywordTypes[keyword] } : {};
    for (const value of [deep, [deep], [{ toString: 1 }, deep], { toString: 1, a: deep }]) {
      const refused = errorOf(() => parseJsonSchema({ ...base, [keyword]: value }, "schema"));
      expect(refused.param).toMatch(/^schema/);
      expect(refused.message.length).toBeLessThan(300);
    }
  },
);

test("that never ends, or begins with itself, is found out", () => {
  const endless = { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] };
  expect(problemOf(parseJsonSchema(endless, "schema"))).toContain("no answer would end");
  expect(problemOf(parseJsonSchema({ anyOf: [{ $ref: "#" }, anything] }, "schema"))).toContain("begins with itself");
});

test("schemas whose parts share parts stay small", () => {
  const levels = Array.from({ length: 20 }, (_, level) => [
    `l${level}`,
    { type: "object", properties: { a: { $ref: `#/$defs/l${level + 1}` }, b: { $ref: `#/$defs/l${level + 1}` } } },
  ]);
  const schema = { $ref: "#/$defs/l0", $defs: { ...Object.fromEntries(levels), l20: anything } };
  expect(JSON.stringify(parseJsonSchema(schema, "schema")).length).toBeLessThan(30_000);
});
