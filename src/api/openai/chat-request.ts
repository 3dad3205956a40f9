import type { z } from "zod";
import * as zod from "zod";
import { reasoningEfforts, type ChatMessage } from "../../core/generation.ts";
import { failure } from "../../core/errors.ts";
import { checkBody } from "./check-body.ts";
import { commonFields, oneName, toParsedRequest, type Fixed, type ParsedRequest } from "./common-fields.ts";
import { responseFormatField } from "./constraint-fields.ts";
import { choiceOf, flag, integerFrom, isEmpty, listOf, objectOf, oneOf, refused, text } from "./fields.ts";
import { mostTop } from "./logprobs.ts";
import { serviceTierField } from "./scheduling-fields.ts";
import { toolCallsField, toolFields, toolUseOf, toToolCalls } from "./tool-fields.ts";

const noFunctions = "it is the old form of 'tools'";
const noAudio = "audio is not available";

const textPart = objectOf(
  {
    type: choiceOf(["text"], ["image_url", "input_audio", "file", "refusal"], "only text can be read").describe(
      "its kind",
    ),
    text: text().describe("what was said"),
    prompt_cache_breakpoint: refused("prompt caching cannot be steered"),
  },
  'an object like {"type": "text", "text": "…"}',
);

const contentAccepted = "a string or an array of text parts";

const message = objectOf(
  {
    role: choiceOf(["system", "developer", "user", "assistant", "tool"], ["function"], noFunctions).describe(
      "who said it; `developer` is another name of `system`",
    ),
    content: zod
      .union([text(), listOf(textPart, contentAccepted)], contentAccepted)
      .nullish()
      .describe("what was said; parts become lines. Required, but of an assistant that calls tools"),
    name: text().nullish().describe("who said it, for templates that show names"),
    tool_calls: toolCallsField.nullish().describe("what an assistant called, as its answer had it"),
    tool_call_id: text().nullish().describe("of the role `tool`, required: which call this answers"),
    function_call: refused(noFunctions),
    audio: refused(noAudio),
    reasoning_content: text().nullish().describe("what an assistant thought, for templates that show it"),
    reasoning: text().nullish().describe("another name of `reasoning_content`, which counts where both are"),
    // These two stand empty in answers, which clients send back as they got them:
    refusal: refused("refusals have no place in a chat template"),
    annotations: refused("annotations have no place in a chat template", isEmpty),
  },
  'an object like {"role": "user", "content": "…"}',
);

export const messagesField = listOf(message, "an array of one message or more");

/** Every field that OpenAI documents for chat completions, and ours. */
export const chatFields = {
  ...commonFields,
  messages: messagesField.describe("the conversation, in the order it was held"),
  max_completion_tokens: integerFrom(1, 2 ** 31 - 1)
    .nullish()
    .describe("the newer name of `max_tokens`"),
  audio: refused(noAudio),
  modalities: refused("only text can be made", {
    fits: (value) => Array.isArray(value) && value.every((one) => one === "text"),
    json: { type: ["array", "null"], items: { const: "text" } },
  }),
  functions: refused(noFunctions, isEmpty),
  function_call: refused(noFunctions, oneOf("none", "auto")),
  ...toolFields,
  response_format: responseFormatField,
  logprobs: flag().describe("how likely the model found each token"),
  top_logprobs: integerFrom(0, mostTop.chat).nullish().describe("and so many of the likeliest in its place"),
  moderation: refused("there is no moderation"),
  prediction: refused("predicted output is not used"),
  reasoning_effort: zod
    .enum(reasoningEfforts, reasoningEfforts.map((effort) => `"${effort}"`).join(", "))
    .nullish()
    .describe("how long to think; refused by name where the model's template does not let it be chosen"),
  service_tier: serviceTierField.nullish().describe("the lane: `priority` is interactive, `flex` is batch"),
  verbosity: refused('verbosity cannot be steered; accepted: "medium"', oneOf("medium")),
  web_search_options: refused("there is no web search"),
};

export const chatRequest = objectOf(chatFields, "a JSON object");

/** The body of `POST /v1/chat/completions` in our words. Throws a MillraceError that names the field at fault. */
export function parseChat(body: unknown, fixed: Fixed): ParsedRequest {
  const fields = checkBody(chatRequest, body);
  const maxTokens = oneName(fields, "max_tokens", "max_completion_tokens") ?? fixed.defaults.maxTokens;
  const messages = withSystem(fields.messages.map(toMessage), fixed.defaults.system);
  const logprobs = topOf(fields);
  const serviceTier = fields.service_tier ?? undefined;
  const reasoning = fields.reasoning_effort && { reasoningEffort: fields.reasoning_effort };
  const use = toolUseOf(fields);
  const prompts = [{ kind: "chat", messages, ...reasoning, ...(use && { tools: use.tools }) }] as const;
  const specific = { prompts, maxTokens, logprobs, serviceTier, calls: use?.constraint };
  const parsed = toParsedRequest(fields, specific, fixed);
  if (use === undefined) return parsed;
  // What else the answer may be is JSON as well.
  const marksOnly = !use.constraint.isRequired && parsed.request.constraint !== undefined;
  return { ...parsed, calls: { ...use.calls, marksOnly } };
}

type LogprobFields = Pick<z.infer<typeof chatRequest>, "logprobs" | "top_logprobs">;

function topOf({ logprobs, top_logprobs: top }: LogprobFields): number | undefined {
  if (logprobs === true) return top ?? 0;
  if (!top) return undefined;
  throw failure("invalid_value", { field: "top_logprobs", value: `${top}`, accepted: "0, unless 'logprobs' is true" });
}

/** A conversation that brings a system message, wherever it stands, knows better. */
function withSystem(messages: readonly ChatMessage[], system: string | undefined): readonly ChatMessage[] {
  if (system === undefined || messages.some(({ role }) => role === "system")) return messages;
  return [{ role: "system", content: system }, ...messages];
}

/** A message of the wire in our words. */
export function toMessage(said: z.infer<typeof message>, index: number): ChatMessage {
  const { role, name, tool_calls: calls, tool_call_id: id } = said;
  const reasoning = said.reasoning_content ?? said.reasoning;
  const field = `messages[${index}]`;
  if (calls && calls.length > 0 && role !== "assistant")
    throw failure("invalid_value", {
      field: `${field}.tool_calls`,
      value: "calls",
      accepted: "none but of an assistant",
    });
  if (role === "tool" && typeof id !== "string")
    throw failure("missing_field", {
      field: `${field}.tool_call_id`,
      accepted: "the id of the call that this answers",
    });
  return {
    role: role === "developer" ? "system" : role,
    content: contentOf(said, field),
    ...(typeof name === "string" && { name }),
    ...(typeof reasoning === "string" && { reasoning_content: reasoning }),
    ...(calls && calls.length > 0 && { tool_calls: toToolCalls(calls) }),
    ...(role === "tool" && typeof id === "string" && { tool_call_id: id }),
  };
}

function contentOf({ content, tool_calls: calls }: z.infer<typeof message>, messageField: string): string {
  if (typeof content === "string") return content;
  // Parts are lines of their own, as vLLM and llama-server join them.
  if (content) return content.map((part) => part.text).join("\n");
  if (calls && calls.length > 0) return "";
  const [field, accepted] = [`${messageField}.content`, contentAccepted];
  if (content === null) throw failure("invalid_value", { field, value: "null", accepted });
  throw failure("missing_field", { field, accepted });
}
