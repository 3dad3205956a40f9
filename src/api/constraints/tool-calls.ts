import type { Constraint, Expression } from "../../core/constraint.ts";
import { failure } from "../../core/errors.ts";
import { describe } from "../shown-value.ts";
import { choice, list, Rules, sequence, text } from "./expressions.ts";
import { compileJsonSchema } from "./json-schema.ts";
import { isObject, type Schema } from "./schema-place.ts";

const anyObject: Schema = { type: "object" };

/** A model that must call and knows no end would call for ever. */
const mostCalls = 16;

/** What an answer may call, and how. */
export interface Callable {
  readonly tools: readonly CallableTool[];
  /** Several calls in one answer. */
  readonly parallel: boolean;
  /** What the answer may be instead; missing = it must call. */
  readonly instead?: Constraint | undefined;
}

interface CallableTool {
  readonly name: string;
  /** A JSON schema; undefined = it takes nothing. */
  readonly parameters: Schema | undefined;
  /** Its arguments are valid by the schema even where it need not be called; else they are any object there. */
  readonly strict: boolean;
  /** Of the schema, in the request. */
  readonly path: string;
}

/**
 * Calls of these tools and nothing else, their arguments valid by their schemas: one, or with `parallel` one or several.
 * Either of the two forms that models are trained to write, so that each can use the one that it knows:
 * `<tool_call>\n{"name": …, "arguments": …}\n</tool_call>`, or one `{"name": …, "parameters": …}`. The latter could be what
 * the answer may be instead, and is no call then.
 * Throws a MillraceError that names the keyword of a schema that cannot be enforced.
 */
export function toolCalls({ tools, parallel, instead }: Callable): Constraint {
  const rules = new Rules();
  const values = tools.map((tool, index) => {
    const isFree = instead !== undefined && !tool.strict && tool.parameters !== undefined;
    return rules.named(`call ${index}`, () => objectOf(isFree ? { ...tool, parameters: anyObject } : tool, rules));
  });
  const call = (key: string): Expression => {
    const ofTool = ({ name }: CallableTool, index: number): Expression =>
      sequence(text(`{"name": ${JSON.stringify(name)}, "${key}": `), values[index]!, text("}"));
    return choice(...tools.map(ofTool));
  };
  const marked = sequence(text("<tool_call>\n"), call("arguments"), text("\n</tool_call>"));
  const calls = list(marked, text("\n"), [1, parallel ? mostCalls : 1]);
  return rules.complete(choice(calls, instead === undefined ? call("parameters") : rules.including(instead)));
}

const combiners = ["$ref", "const", "enum", "anyOf", "oneOf", "allOf"] as const;

/** Arguments are an object, whatever the schema leaves open. */
function objectOf({ parameters, path }: CallableTool, rules: Rules): Expression {
  if (parameters === undefined) return text("{}");
  if (isObject(referred(parameters))) return compileJsonSchema(parameters, path, rules);
  const { type, properties, additionalProperties, required } = parameters;
  const combiner = combiners.find((key) => Object.hasOwn(parameters, key));
  if (type !== undefined && !isTypeObject(type))
    throw failure("invalid_value", { field: `${path}.type`, value: describe(type), accepted: '"object"' });
  if (type === undefined && combiner !== undefined)
    throw failure("invalid_value", {
      field: `${path}.${combiner}`,
      value: "instead of a type",
      accepted: 'a schema of type "object", or a "$ref" to one in its "$defs" or "definitions"',
    });
  const isEmpty = isObject(properties) && Object.keys(properties).length === 0 && additionalProperties === undefined;
  const requiresNone = required === undefined || (Array.isArray(required) && required.length === 0);
  const closed = isEmpty && requiresNone ? { additionalProperties: false } : {};
  return compileJsonSchema({ ...parameters, type: "object", ...closed }, path, rules);
}

const isTypeObject = (type: unknown): boolean =>
  (Array.isArray(type) && type.length === 1 ? type[0] : type) === "object";

const reference = /^#\/(\$defs|definitions)\/([^/]+)$/;

/** The schema of an object that the root of another refers to, as those of recursive types do; else undefined. */
function referred(schema: Schema): unknown {
  const pointer = schema["$ref"];
  const [, group = "", name = ""] = (typeof pointer === "string" && reference.exec(pointer)) || [];
  const found = isObject(schema[group]) ? schema[group][name] : undefined;
  return isObject(found) && isTypeObject(found["type"]) ? found : undefined;
}
