import { expect, test } from "vitest";
import { toMillraceError } from "../../core/errors.ts";
import { parseChat } from "./chat-request.ts";
import { parseCompletion } from "./completion-request.ts";
import { someFixed } from "./testing.ts";

const fixed = someFixed();

const chat = (over: object) =>
  parseChat({ messages: [{ role: "user", content: "hi" }], ...over }, fixed).request.constraint;
const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] };
const jsonSchema = (over: object) => ({
  response_format: { type: "json_schema", json_schema: { name: "a", schema, ...over } },
});

test("a schema is the same constraint by whichever field it comes", () => {
  const constraint = chat(jsonSchema({ strict: true, description: "yes or no" }));
  expect(constraint!.rules.length).toBeGreaterThan(1);
  expect(chat({ guided_json: schema })).toEqual(constraint);
  expect(chat({ guided_json: JSON.stringify(schema) })).toEqual(constraint);
  expect(parseCompletion({ prompt: "hi", guided_json: schema }, fixed).request.constraint).toEqual(constraint);
});

test("without a field, or with one that asks for nothing, anything may be answered", () => {
  for (const over of [{}, { response_format: null, grammar: null }, { response_format: { type: "text" } }])
    expect(chat(over)).toBeUndefined();
});

test("choices, regular expressions and grammars are constraints", () => {
  const yesOrNo = {
    rules: [
      {
        kind: "choice",
        options: [
          { kind: "text", text: "yes" },
          { kind: "text", text: "no" },
        ],
      },
    ],
  };
  expect(chat({ guided_choice: ["yes", "no"] })).toEqual(yesOrNo);
  expect(chat({ guided_regex: "yes|no" })).toEqual(yesOrNo);
  expect(chat({ grammar: 'root ::= "yes" | "no"' })).toEqual(yesOrNo);
  expect(chat({ response_format: { type: "json_object" } })).toBeDefined();
});

test.each([
  [{ response_format: "json" }, "invalid_value", "response_format"],
  [{ response_format: { type: "xml" } }, "invalid_value", "response_format"],
  [{ response_format: { type: "json_schema" } }, "missing_field", "response_format.json_schema"],
  [jsonSchema({ schema: undefined }), "missing_field", "response_format.json_schema.schema"],
  [jsonSchema({ name: undefined }), "missing_field", "response_format.json_schema.name"],
  [jsonSchema({ strickt: true }), "unknown_field", "response_format.json_schema.strickt"],
  [jsonSchema({ schema: { not: {} } }), "unsupported_field", "response_format.json_schema.schema.not"],
  [jsonSchema({ schema: 5 }), "unsupported_field", "response_format.json_schema.schema"],
  [{ guided_json: "{" }, "invalid_value", "guided_json"],
  [{ guided_json: [] }, "invalid_value", "guided_json"],
  [
    { guided_json: { items: { type: "array", uniqueItems: true } } },
    "unsupported_field",
    "guided_json.items.uniqueItems",
  ],
  [{ guided_regex: "(a" }, "unsupported_field", "guided_regex"],
  [{ guided_regex: "a{2000000}" }, "unsupported_field", "guided_regex"],
  [{ guided_choice: [] }, "invalid_value", "guided_choice"],
  [{ guided_choice: ["a", ""] }, "invalid_value", "guided_choice[1]"],
  [{ grammar: "root ::= root" }, "unsupported_field", "grammar"],
  [{ grammar: "" }, "invalid_value", "grammar"],
  [{ grammar: 'root ::= "a"', guided_regex: "a" }, "invalid_value", "grammar"],
  [{ guided_regex: "a", ignore_eos: true }, "invalid_value", "ignore_eos"],
])("%j is refused", (over, code, param) => {
  const refusal = (): unknown => {
    try {
      return chat(over);
    } catch (error) {
      return toMillraceError(error);
    }
  };
  expect(refusal()).toMatchObject({ code, param: expect.stringContaining(param) });
});
