import type { FinishReason } from "../../core/generation.ts";
import { sseEvent, usageObject, type StreamFormat } from "../openai/answer.ts";
import { checkBody } from "../openai/check-body.ts";
import { textFields, toParsedRequest, type Fixed, type ParsedRequest } from "../openai/common-fields.ts";
import { objectOf, text } from "../openai/fields.ts";

export const generateStreamRequest = objectOf(
  { ...textFields, prompt: text().describe("what is continued, as it is: no chat template") },
  "a JSON object",
);

/** The body of `POST /generate_stream` in our words. Throws a MillraceError that names the field at fault. */
export function parseGenerateStream(body: unknown, fixed: Fixed): ParsedRequest {
  const fields = checkBody(generateStreamRequest, body);
  const maxTokens = fields.max_tokens ?? fixed.defaults.maxTokens;
  const prompts = [{ kind: "text", text: fields.prompt }] as const;
  return toParsedRequest({ ...fields, stream: true }, { prompts, maxTokens, logprobs: undefined }, fixed);
}

/** `{"token":"…"}` for each text that became certain, one event with reason and usage, `[DONE]`. */
export function plainStream(): StreamFormat {
  let reason: FinishReason | undefined;
  return {
    event: ({ event }) => {
      if (event.type === "finished") reason = event.reason;
      return event.type === "text-delta" && event.text !== "" ? sseEvent(JSON.stringify({ token: event.text })) : "";
    },
    end: (usage) => sseEvent(JSON.stringify({ finish_reason: reason, usage: usageObject(usage) })) + sseEvent("[DONE]"),
  };
}
