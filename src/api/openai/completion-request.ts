import * as z from "zod";
import { failure } from "../../core/errors.ts";
import type { Prompt } from "../../core/generation.ts";
import { checkBody } from "./check-body.ts";
import {
  commonFields,
  most32Bits,
  mostChoices,
  toParsedRequest,
  type Fixed,
  type ParsedRequest,
} from "./common-fields.ts";
import { flag, integerFrom, listOf, objectOf, text, tokenIdsField } from "./fields.ts";
import { mostTop } from "./logprobs.ts";
import { textPrompts } from "./text-prompts.ts";

/** OpenAI's default for completions; chat has none. */
const defaultMaxTokens = 16;

const tokenIds = tokenIdsField();
const acceptedPrompts = `a string, an array of token ids, or an array of up to ${mostChoices} strings or such arrays`;
const several = { most: mostChoices };

/** Every field that OpenAI documents for completions, and ours. */
export const completionFields = {
  ...commonFields,
  prompt: z
    .union(
      [
        text(),
        tokenIds,
        listOf(text(), "an array of strings", several),
        listOf(tokenIds, "an array of arrays of token ids", several),
      ],
      acceptedPrompts,
    )
    .describe("what is continued; of an array each element, in its order"),
  best_of: integerFrom(1, mostChoices).nullish().describe("1, or as many as `n`: answers are not ranked"),
  max_tokens: integerFrom(0, most32Bits)
    .nullish()
    .describe(`most tokens of the answer; left out: ${defaultMaxTokens}; 0: the prompt alone is computed`),
  echo: flag().describe(
    "begin each text with its prompt; beside `logprobs` as its tokens spell it, with those of them, null of the first",
  ),
  logprobs: integerFrom(0, mostTop.completion).nullish().describe("of each token and of so many of the likeliest"),
  suffix: text()
    .nullish()
    .describe("what stands behind the text to be written; refused by name where the model cannot fill in a middle"),
};

export const completionRequest = objectOf(completionFields, "a JSON object");

/** The body of `POST /v1/completions` in our words. Throws a MillraceError that names the field at fault. */
export function parseCompletion(body: unknown, fixed: Fixed): ParsedRequest {
  const fields = checkBody(completionRequest, body);
  const prompts = withSuffix(textPrompts(fields.prompt), fields.suffix || undefined);
  const choices = fields.n ?? 1;
  const bestOf = fields.best_of ?? 1;
  if (bestOf !== 1 && bestOf !== choices)
    throw failure("unsupported_field", {
      field: "best_of",
      problem: "answers are not ranked, 'n' gives all of them; accepted: 1, or the value of 'n'",
    });
  if (prompts.length * choices > mostChoices) {
    const value = `an array of ${prompts.length}, with ${choices} answers to each`;
    throw failure("invalid_value", { field: "prompt", value, accepted: `up to ${mostChoices} answers in all` });
  }
  const logprobs = fields.logprobs ?? undefined;
  const repeats = fields.echo === true;
  const scorePrompt = repeats && logprobs !== undefined;
  if (scorePrompt && fields.suffix)
    throw failure("unsupported_field", {
      field: "suffix",
      problem: "a prompt that is scored, by 'echo' and 'logprobs', has none",
    });
  const maxTokens = fields.max_tokens ?? fixed.defaults.maxTokens ?? defaultMaxTokens;
  const echo = repeats && !scorePrompt; // a prompt that is scored comes with its text
  return toParsedRequest(fields, { prompts, echo, scorePrompt, maxTokens, logprobs }, fixed);
}

type Prompts = readonly [Prompt, ...Prompt[]];

function withSuffix(prompts: Prompts, suffix: string | undefined): Prompts {
  if (suffix === undefined) return prompts;
  return prompts.map((prompt) => {
    if (prompt.kind === "text") return { ...prompt, suffix };
    throw failure("unsupported_field", { field: "suffix", problem: "the prompt must be a string" });
  }) as [Prompt, ...Prompt[]];
}
