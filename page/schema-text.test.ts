import { expect, test } from "vitest";
import { schemaText } from "./schema-text.ts";

test.each([
  [{ type: "string" }, "string"],
  [{ type: ["boolean", "null"] }, "boolean"],
  [{ anyOf: [{ type: "number", minimum: 0, maximum: 2 }, { type: "null" }] }, "number 0 … 2"],
  [{ anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] }, "string or array of string"],
  [{ enum: ["a", null] }, '"a"'],
  [{ const: "b" }, '"b"'],
  [{}, ""],
])("%j is %j", (schema, words) => {
  expect(schemaText(schema)).toBe(words);
});
