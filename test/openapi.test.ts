import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import type * as z from "zod";
import { chatRequest } from "../src/api/openai/chat-request.ts";
import { completionRequest } from "../src/api/openai/completion-request.ts";
import { embeddingRequest } from "../src/api/openai/embedding-request.ts";
import { jsonSchemaOf } from "../src/api/openapi/json-schema.ts";
import { generateStreamRequest } from "../src/api/plain/generate-stream.ts";
import { applyTemplateRequest, detokenizeRequest, tokenizeRequest } from "../src/api/plain/text-requests.ts";

const messages = [{ role: "user", content: "hi" }];
const requests: readonly (readonly [string, z.ZodObject, object])[] = [
  ["chat", chatRequest, { messages }],
  ["completion", completionRequest, { prompt: "hi" }],
  ["generate_stream", generateStreamRequest, { prompt: "hi" }],
  ["embeddings", embeddingRequest, { input: "hi" }],
  ["tokenize", tokenizeRequest, { content: "hi" }],
  ["detokenize", detokenizeRequest, { tokens: [7] }],
  ["apply-template", applyTemplateRequest, { messages }],
];

const odd = [
  null,
  true,
  0,
  -1,
  1.5,
  129,
  2 ** 31,
  2 ** 53,
  "",
  "text",
  "auto",
  "low",
  [],
  {},
  ["text"],
  [1],
  [[1]],
  [-1],
  [null],
];
const parts = [
  [{ type: "text", text: "a" }],
  [{ type: "text" }],
  [{ type: "image_url", text: "a" }],
  [{ role: "user", content: "a" }],
  [{ type: "function", function: { name: "a", parameters: {} } }],
  [{ type: "function", function: { name: "a b" } }],
  [{ type: "function", function: { name: "a", parameters: [] } }],
  [{ type: "custom", custom: { name: "a" } }],
  [{ role: "assistant", tool_calls: [{ id: "1", type: "function", function: { name: "a", arguments: "{}" } }] }],
  [{ role: "assistant", tool_calls: [{ id: "1", type: "function", function: { name: "a", arguments: {} } }] }],
];
const choices = [{ type: "function", function: { name: "a" } }, { type: "allowed_tools" }, { type: "function" }];
const objects = [
  ...choices,
  { type: "text" },
  { include_usage: true },
  { include_usage: 1 },
  { 5: 100 },
  { 5: 101 },
  { the: 1 },
];
const value = fc.oneof(
  fc.constantFrom<unknown>(...odd, ...parts, ...objects),
  fc.jsonValue({ maxDepth: 2 }),
  fc.record({ role: fc.constantFrom("user", "tool"), content: fc.jsonValue({ maxDepth: 1 }) }).map((one) => [one]),
);

test.each(requests)("%s: what fits the document passes the check, and nothing else", (_name, ...[schema, good]) => {
  const fitsDocument = new Ajv2020({ strict: false }).compile(jsonSchemaOf(schema));
  const field = fc.constantFrom(...Object.keys(schema.shape), "nothing");
  fc.assert(
    fc.property(field, value, (field, value) => {
      const body = { ...good, [field]: value };
      expect(fitsDocument(body)).toBe(schema.safeParse(body).success);
    }),
    { numRuns: 2000 },
  );
});
