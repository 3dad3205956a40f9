import type { z } from "zod";
import * as zod from "zod";
import type { ChatMessage } from "../../core/generation.ts";
import { failure } from "../../core/errors.ts";
import { checkBody } from "./check-body.ts";
import { commonFields, oneName, toParsedRequest, type Fixed, type ParsedRequest } from "./common-fields.ts";
import { responseFormatField } from "./constraint-fields.ts";
import { choiceOf, flag, integerFrom, isEmpty, listOf, objectOf, oneOf, refused, text } from "./fields.ts";
import { mostTop } from "./logprobs.ts";

const noTools = "tool calls are not available";
const noAudio = "audio is not available";

const textPart = objectOf(
  {
    type: choiceOf(["text"], ["image_url", "input_audio", "file", "refusal"], "only text can be read"),
    text: text(),
    prompt_cache_breakpoint: refused("prompt caching cannot be steered"),
  },
  'an object like {"type": "text", "text": "…"}',
);

const message = objectOf(
  {
    role: choiceOf(["system", "developer", "user", "assistant"], ["tool", "function"], noTools),
    content: zod.union([text(), listOf(textPart, "an array of text parts")], "a string or an array of text parts"),
    name: text().nullish(),
    tool_calls: refused(noTools, isEmpty),
    tool_call_id: refused(noTools),
    function_call: refused(noTools),
    audio: refused(noAudio),
    // These two stand empty in answers, which clients send back as they got them:
    refusal: refused("refusals have no place in a chat template"),
    annotations: refused("annotations have no place in a chat template", isEmpty),
  },
  'an object like {"role": "user", "content": "…"}',
);

/** Every field that OpenAI documents for chat completions, and ours. Exported for the test that compares. */
export const chatFields = {
  ...commonFields,
  messages: listOf(message, "an array of one message or more"),
  max_completion_tokens: integerFrom(1, 2 ** 31 - 1).nullish(),
  audio: refused(noAudio),
  modalities: refused("only text can be made", (value) => Array.isArray(value) && value.every(oneOf("text"))),
  tools: refused(noTools, isEmpty),
  tool_choice: refused(noTools, oneOf("none", "auto")),
  parallel_tool_calls: refused(noTools, oneOf(true, false)),
  functions: refused(noTools, isEmpty),
  function_call: refused(noTools, oneOf("none", "auto")),
  response_format: responseFormatField,
  logprobs: flag(),
  top_logprobs: integerFrom(0, mostTop.chat).nullish(),
  moderation: refused("there is no moderation"),
  prediction: refused("predicted output is not used"),
  reasoning_effort: refused("reasoning cannot be steered"),
  service_tier: refused('there is one tier; accepted: "auto", "default"', oneOf("auto", "default")),
  verbosity: refused('verbosity cannot be steered; accepted: "medium"', oneOf("medium")),
  web_search_options: refused("there is no web search"),
};

const chatRequest = objectOf(chatFields, "a JSON object");

/** The body of `POST /v1/chat/completions` in our words. Throws a MillraceError that names the field at fault. */
export function parseChat(body: unknown, fixed: Fixed): ParsedRequest {
  const fields = checkBody(chatRequest, body);
  const maxTokens = oneName(fields, "max_tokens", "max_completion_tokens") ?? fixed.defaults.maxTokens;
  const messages = withSystem(fields.messages.map(toMessage), fixed.defaults.system);
  const logprobs = topOf(fields);
  return toParsedRequest(fields, { prompts: [{ kind: "chat", messages }], maxTokens, logprobs }, fixed);
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

function toMessage({ role, content, name }: z.infer<typeof message>): ChatMessage {
  return {
    role: role === "developer" ? "system" : role,
    // Parts are lines of their own, as vLLM and llama-server join them.
    content: typeof content === "string" ? content : content.map((part) => part.text).join("\n"),
    ...(typeof name === "string" && { name }),
  };
}
