import * as z from "zod";
import { failure } from "../../core/errors.ts";
import type { Tool, ToolCall } from "../../core/generation.ts";
import { isDeeper } from "../constraints/schema-place.ts";
import { toolCalls } from "../constraints/tool-calls.ts";
import type { CallConstraint } from "./constraint-fields.ts";
import { choiceOf, flag, listOf, objectOf, text } from "./fields.ts";
import type { CallReading } from "./tool-calls.ts";

const nameAccepted = "a name of 1 to 64 letters, digits, '_' and '-'";
const toolName = () => z.string(nameAccepted).regex(/^[\w-]{1,64}$/, nameAccepted);

/** Deeper ones cannot be shown to a model, nor enforced. */
const mostNested = 64;
const schemaAccepted = `a JSON schema of type "object", up to ${mostNested} levels deep`;
const onlyFunctions = "only functions can be called";

const tool = objectOf(
  {
    type: choiceOf(["function"], ["custom"], onlyFunctions),
    function: objectOf(
      {
        name: toolName(),
        description: text().nullish(),
        parameters: z
          .custom<Tool["function"]["parameters"]>(isObject, schemaAccepted)
          .meta({ type: "object" })
          .nullish(),
        strict: flag(),
      },
      'an object like {"name": "weather", "parameters": {…}}',
    ),
  },
  'an object like {"type": "function", "function": {…}}',
);

const choiceAccepted = '"none", "auto", "required" or {"type": "function", "function": {"name": "…"}}';
const named = objectOf(
  {
    type: choiceOf(["function"], ["custom", "allowed_tools"], onlyFunctions),
    function: objectOf({ name: text() }, 'an object like {"name": "weather"}'),
  },
  choiceAccepted,
);

/** Of a chat's request. */
export const toolFields = {
  tools: listOf(tool, "an array of up to 128 functions", { least: 0, most: 128 })
    .nullish()
    .describe("functions that the model may call"),
  tool_choice: z
    .union([z.enum(["none", "auto", "required"], choiceAccepted), named], choiceAccepted)
    .nullish()
    .describe("whether it must call one, or which"),
  parallel_tool_calls: flag().describe("it may call several at once, unless one is named; left out: yes"),
};

/** Of an assistant's message: what it called, as answers have it. */
export const toolCallsField = listOf(
  objectOf(
    {
      id: text(),
      type: choiceOf(["function"], ["custom"], onlyFunctions),
      function: objectOf({ name: text(), arguments: text() }, 'an object like {"name": "weather", "arguments": "{}"}'),
      index: z.number().nullish(), // clients that put a stream together leave it there
    },
    'an object like {"id": "…", "type": "function", "function": {…}}',
  ),
  "an array of calls",
  { least: 0 },
);

export type ToolFields = z.infer<z.ZodObject<typeof toolFields>>;
type GivenTool = NonNullable<ToolFields["tools"]>[number];

/** What a request with tools comes to. */
export interface ToolUse {
  /** That the model is told of. */
  readonly tools: readonly Tool[];
  readonly calls: Omit<CallReading, "marksOnly">;
  readonly constraint: CallConstraint;
}

/** Undefined = the model is to call nothing. Throws a MillraceError that names the field at fault. */
export function toolUseOf({
  tools,
  tool_choice: choice,
  parallel_tool_calls: parallel,
}: ToolFields): ToolUse | undefined {
  const given = tools ?? [];
  checkTools(given);
  const name = typeof choice === "object" ? choice?.function.name : undefined;
  const callable = given.flatMap(({ function: { name: own, parameters, strict } }, index) => {
    const path = `tools[${index}].function.parameters`;
    return name === undefined || own === name
      ? [{ name: own, parameters: parameters ?? undefined, strict: strict === true, path }]
      : [];
  });
  const isParallel = name === undefined && parallel !== false;
  const isRequired = choice === "required" || name !== undefined;
  if (isRequired && callable.length === 0) {
    const value = name === undefined ? '"required"' : JSON.stringify(name.slice(0, 64));
    const accepted = given.length === 0 ? '"none" or "auto" without tools' : "the name of one of the tools";
    throw failure("invalid_value", {
      field: name === undefined ? "tool_choice" : "tool_choice.function.name",
      value,
      accepted,
    });
  }
  if (given.length === 0 || choice === "none") return undefined;
  return {
    tools: given.map(toTool),
    calls: { names: new Set(given.map((one) => one.function.name)), most: isParallel ? Infinity : 1 },
    constraint: {
      isRequired,
      parse: (instead) => toolCalls({ tools: callable, parallel: isParallel, instead }),
    },
  };
}

function checkTools(tools: readonly GivenTool[]): void {
  const names = new Set<string>();
  for (const [index, one] of tools.entries()) {
    const { name, parameters } = one.function;
    const field = `tools[${index}].function`;
    if (names.has(name))
      throw failure("invalid_value", { field: `${field}.name`, value: `"${name}" again`, accepted: "each name once" });
    names.add(name);
    if (isDeeper(parameters, mostNested))
      throw failure("invalid_value", { field: `${field}.parameters`, value: "deeper", accepted: schemaAccepted });
  }
}

/** As templates know it: those that list the properties rely on `parameters`. */
function toTool({ function: { name, description, parameters } }: GivenTool): Tool {
  const schema = parameters ?? { type: "object", properties: {} };
  return { type: "function", function: { name, ...(description && { description }), parameters: schema } };
}

/** Calls of a message as templates know them, with their arguments as objects wherever they are. */
export function toToolCalls(calls: z.infer<typeof toolCallsField>): ToolCall[] {
  return calls.map(({ id, function: { name, arguments: written } }) => {
    const parsed = written.trim() === "" ? {} : parse(written);
    const isShown = isObject(parsed) && !isDeeper(parsed, mostNested);
    return { id, type: "function", function: { name, arguments: isShown ? parsed : written } };
  });
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
