import * as z from "zod";
import { answerCodes } from "../../core/errors.ts";

/*
 * What answers look like, for the OpenAPI document; the tests hold real answers to it. Answers are written by hand, for
 * speed: nothing here is used to make one.
 */

const count = z.int().min(0);

export const errorAnswer = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable().describe("the field at fault"),
    code: z.enum(answerCodes),
    loading: z
      .object({
        progress: z.number().min(0).max(1),
        eta_seconds: z.number().min(0).nullable().describe("null while it cannot be known"),
      })
      .optional()
      .describe("with `model_loading`: how far it is"),
  }),
});

const usage = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.object({ cached_tokens: count }),
});

const timings = z.record(z.string(), z.number()).describe("if the request has `timings`");
const finishReason = z.enum(["stop", "length"]);

const toolCall = z.object({
  id: z.string(),
  type: z.literal("function"),
  function: z.object({ name: z.string(), arguments: z.string().describe("JSON, unless the answer was cut off") }),
});

const head = { id: z.string(), created: count.describe("Unix time in seconds"), model: z.string() };
const tail = { usage, timings: timings.optional() };

const chatToken = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(count).nullable() });
const chatLogprobs = z.object({
  content: z.array(chatToken.extend({ top_logprobs: z.array(chatToken) })),
  refusal: z.null(),
});

export const chatAnswer = z.object({
  ...head,
  object: z.literal("chat.completion"),
  service_tier: z.string().optional(),
  choices: z.array(
    z.object({
      index: count,
      message: z.object({
        role: z.literal("assistant"),
        content: z.string().nullable().describe("null if it only calls tools"),
        tool_calls: z.array(toolCall).optional(),
        reasoning_content: z.string().optional().describe("what the model thought before, if it does that"),
        refusal: z.null(),
      }),
      logprobs: chatLogprobs.nullable(),
      finish_reason: z.enum([...finishReason.options, "tool_calls"]),
    }),
  ),
  ...tail,
});

export const embeddingAnswer = z.object({
  object: z.literal("list"),
  data: z.array(
    z.object({
      object: z.literal("embedding"),
      index: count,
      embedding: z.union([z.array(z.number()), z.string().describe("base64")]),
    }),
  ),
  model: z.string(),
  usage: z.object({ prompt_tokens: count, total_tokens: count }),
});

export const completionAnswer = z.object({
  ...head,
  object: z.literal("text_completion"),
  choices: z.array(
    z.object({
      index: count,
      text: z.string(),
      logprobs: z
        .object({
          tokens: z.array(z.string()),
          token_logprobs: z.array(z.number()),
          top_logprobs: z.array(z.record(z.string(), z.number())),
          text_offset: z.array(count),
        })
        .nullable(),
      finish_reason: finishReason,
    }),
  ),
  ...tail,
});

export const modelAnswer = z.object({
  id: z.string(),
  object: z.literal("model"),
  created: count.describe("Unix time in seconds"),
  owned_by: z.string(),
  context_length: count.nullable().describe("null until it is loaded"),
});

export const tokensAnswer = z.object({ tokens: z.array(count) });
export const contentAnswer = z.object({ content: z.string() });
export const promptAnswer = z.object({ prompt: z.string() });

export const modelsAnswer = z.object({ object: z.literal("list"), data: z.array(modelAnswer) });
