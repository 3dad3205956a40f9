import * as z from "zod";
import { failure } from "../../core/errors.ts";
import type { Prompt } from "../../core/generation.ts";
import { checkBody } from "./check-body.ts";
import { commonFields, toParsedRequest, type Fixed, type ParsedRequest } from "./common-fields.ts";
import { integerFrom, listOf, objectOf, oneOf, refused, text } from "./fields.ts";
import { mostTop } from "./logprobs.ts";

/** OpenAI's default for completions; chat has none. */
const defaultMaxTokens = 16;

const tokenIds = listOf(integerFrom(0, 2 ** 31 - 1, "a token id"), "an array of token ids");
const prompts = "a string, an array of token ids, or an array with one of these";

/** Every field that OpenAI documents for completions, and ours. Exported for the test that compares. */
export const completionFields = {
  ...commonFields,
  prompt: z.union(
    [
      text(),
      tokenIds,
      listOf(text(), "an array with one string"),
      listOf(tokenIds, "an array with one array of token ids"),
    ],
    prompts,
  ),
  best_of: refused("one answer per request; accepted: 1", oneOf(1)),
  echo: refused("the prompt is not repeated", oneOf(false)),
  logprobs: integerFrom(0, mostTop.completion).nullish(),
  suffix: refused("text cannot be inserted", oneOf("")),
};

const completionRequest = objectOf(completionFields, "a JSON object");

/** The body of `POST /v1/completions` in our words. Throws a MillraceError that names the field at fault. */
export function parseCompletion(body: unknown, fixed: Fixed): ParsedRequest {
  const fields = checkBody(completionRequest, body);
  const prompt = toPrompt(fields.prompt);
  const maxTokens = fields.max_tokens ?? fixed.defaults.maxTokens ?? defaultMaxTokens;
  return toParsedRequest(fields, { prompt, maxTokens, logprobs: fields.logprobs ?? undefined }, fixed);
}

function toPrompt(prompt: string | string[] | number[] | number[][]): Prompt {
  if (typeof prompt === "string") return { kind: "text", text: prompt };
  const [first, ...others] = prompt;
  if (typeof first === "number") return { kind: "tokens", ids: prompt as number[] };
  if (others.length > 0)
    throw failure("unsupported_field", { field: "prompt", problem: `one prompt per request, not ${prompt.length}` });
  return typeof first === "string" ? { kind: "text", text: first } : { kind: "tokens", ids: first! };
}
