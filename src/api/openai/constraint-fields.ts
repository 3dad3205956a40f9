import * as z from "zod";
import type { Constraint } from "../../core/constraint.ts";
import { failure } from "../../core/errors.ts";
import { problemOf } from "../constraints/check-constraint.ts";
import { choice, text as written } from "../constraints/expressions.ts";
import { parseGrammar } from "../constraints/gbnf.ts";
import { anyJsonObject, parseJsonSchema } from "../constraints/json-schema.ts";
import { regexConstraint } from "../constraints/texts.ts";
import { flag, listOf, objectOf, text } from "./fields.ts";

const longText = (most: number, what: string) => {
  const accepted = `${what} of 1 to ${most} characters`;
  return text(accepted).min(1, accepted).max(most, accepted);
};
const choiceText = longText(1000, "a string");

/** Not OpenAI's: as vLLM names them, and llama-server the last. */
export const guidedFields = {
  guided_json: z
    .custom<string | object>(isSchemaOrText, "a JSON schema, or one as a string")
    .meta({ type: ["object", "string"] })
    .nullish()
    .describe("the answer is JSON that is valid by it"),
  guided_regex: longText(4096, "a regular expression").nullish().describe("it matches the whole answer"),
  guided_choice: listOf(choiceText, "an array of 1 to 1000 strings", { most: 1000 })
    .nullish()
    .describe("the answer is one of them"),
  grammar: longText(65_536, "a grammar").nullish().describe("the answer keeps to it; in GBNF"),
};

const formats = '{"type": "text"}, {"type": "json_object"} or {"type": "json_schema", "json_schema": {…}}';

/** OpenAI's, of chats. */
export const responseFormatField = z
  .discriminatedUnion(
    "type",
    [
      objectOf({ type: z.literal("text") }, formats),
      objectOf({ type: z.literal("json_object") }, formats),
      objectOf(
        {
          type: z.literal("json_schema"),
          json_schema: objectOf(
            // What is asked for is always kept to, strictly or not.
            { name: longText(64, "a name"), description: text().nullish(), strict: flag(), schema: z.unknown() },
            'an object like {"name": "answer", "schema": {…}}',
          ),
        },
        formats,
      ),
    ],
    formats,
  )
  .nullish()
  .describe("what the answer may be");

export type ConstraintFields = z.infer<z.ZodObject<typeof guidedFields>> & {
  readonly response_format?: z.infer<typeof responseFormatField>;
  readonly ignore_eos?: boolean | null | undefined;
};

/**
 * What the answer may be, by its fields and by what it can call. Throws a MillraceError that names the field, or the keyword
 * in it, that cannot be kept to.
 */
export function constraintOf(fields: ConstraintFields, calls?: CallConstraint): Constraint | undefined {
  const given = constraintsIn(fields);
  // Where something must be called nothing is said, and whatever format that should have is kept.
  const kept =
    calls?.isRequired === true ? ["tool_choice", ...fieldsOf(given.filter((one) => !one.isFormat))] : fieldsOf(given);
  const [first, second] = kept;
  if (first === undefined) return undefined;
  const accepted = `nothing beside '${first}'`;
  if (second !== undefined) throw failure("invalid_value", { field: second, value: "another constraint", accepted });
  if (fields.ignore_eos === true)
    throw failure("invalid_value", { field: "ignore_eos", value: "true", accepted: `false beside '${first}'` });
  const own = given.map(({ field, parse }) => checked(parse(field), field))[0];
  return calls === undefined ? own : checked(calls.parse(calls.isRequired ? undefined : own), "tools");
}

function checked(constraint: Constraint, field: string): Constraint {
  const problem = problemOf(constraint);
  if (problem !== undefined) throw failure("unsupported_field", { field, problem });
  return constraint;
}

const fieldsOf = (given: readonly GivenConstraint[]): string[] => given.map(({ field }) => field);

/** The calls that an answer can or must make. */
export interface CallConstraint {
  readonly isRequired: boolean;
  /** Calls alone, or calls and what the answer may be instead of them. */
  readonly parse: (instead?: Constraint) => Constraint;
}

/** A constraint, and the field that asks for it. */
interface GivenConstraint {
  readonly field: string;
  readonly parse: (field: string) => Constraint;
  /** It is about what is said, not about the answer as a whole. */
  readonly isFormat?: true;
}

function constraintsIn(fields: ConstraintFields): GivenConstraint[] {
  const { response_format: format, guided_json: json, guided_regex: regex, guided_choice: options, grammar } = fields;
  const given: GivenConstraint[] = [];
  if (format?.type === "json_object") given.push({ field: "response_format", parse: anyJsonObject, isFormat: true });
  if (format?.type === "json_schema") {
    const { schema } = format.json_schema;
    given.push({
      field: "response_format.json_schema.schema",
      parse: (field) => parseJsonSchema(present(schema, field), field),
      isFormat: true,
    });
  }
  if (json !== undefined && json !== null)
    given.push({ field: "guided_json", parse: (field) => parseJsonSchema(fromJson(json, field), field) });
  if (regex)
    given.push({
      field: "guided_regex",
      parse: (field) => regexConstraint(regex, field),
    });
  if (options) given.push({ field: "guided_choice", parse: () => ({ rules: [choice(...options.map(written))] }) });
  if (grammar) given.push({ field: "grammar", parse: (field) => parseGrammar(grammar, field) });
  return given;
}

function isSchemaOrText(value: unknown): boolean {
  return typeof value === "string" || (typeof value === "object" && value !== null && !Array.isArray(value));
}

function present(schema: unknown, field: string): unknown {
  if (schema === undefined) throw failure("missing_field", { field, accepted: "a JSON schema" });
  return schema;
}

function fromJson(schema: unknown, field: string): unknown {
  if (typeof schema !== "string") return schema;
  try {
    return JSON.parse(schema) as unknown;
  } catch {
    throw failure("invalid_value", { field, value: "a string that is not JSON", accepted: "a JSON schema" });
  }
}
