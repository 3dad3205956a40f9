import * as z from "zod";
import { failure } from "../../core/errors.ts";
import type { GenerationRequest, Lane, Prompt, RequestDefaults, Sampling, Tenant } from "../../core/generation.ts";
import { describe } from "./check-body.ts";
import { constraintOf, guidedFields, type ConstraintFields } from "./constraint-fields.ts";
import { flag, ignored, integerFrom, listOf, numberFrom, objectOf, text } from "./fields.ts";
import { logitBiasField } from "./logit-bias.ts";
import { laneOf, priorityField, timeoutField, timeoutOf, type SchedulingHeaders } from "./scheduling-fields.ts";

const most32Bits = 2 ** 31 - 1;
/** Answers of one request, to all its prompts together. */
export const mostChoices = 128;
const stopLength = "a string of 1 to 1000 characters";
const stopText = text(stopLength).min(1, stopLength).max(1000, stopLength);
const stopAccepted = `${stopLength}, or an array of up to 16 of them`;

/** The fields that work the same in both kinds of completion. */
export const commonFields = {
  model: text("the id of a served model").nullish(),
  stream: flag(),
  stream_options: objectOf(
    { include_usage: flag(), include_obfuscation: ignored() },
    'an object like {"include_usage": true}',
  ).nullish(),
  max_tokens: integerFrom(1, most32Bits).nullish(),
  temperature: numberFrom(0, 2).nullish(),
  top_p: numberFrom(0, 1).nullish(),
  frequency_penalty: numberFrom(-2, 2).nullish(),
  presence_penalty: numberFrom(-2, 2).nullish(),
  logit_bias: logitBiasField.nullish(),
  n: integerFrom(1, mostChoices).nullish(),
  stop: z.union([stopText, listOf(stopText, "up to 16 strings", { least: 0, most: 16 })], stopAccepted).nullish(),
  seed: integerFrom(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).nullish(),
  // Not OpenAI's, under their usual names:
  top_k: integerFrom(-1, most32Bits).nullish(),
  min_p: numberFrom(0, 1).nullish(),
  repeat_penalty: numberFrom(0.01, 10).nullish(),
  repetition_penalty: numberFrom(0.01, 10).nullish(),
  ignore_eos: flag(),
  ...guidedFields,
  priority: priorityField.nullish(),
  timeout: timeoutField.nullish(),
  // Without meaning for a local model:
  user: ignored(),
  metadata: ignored(),
  store: ignored(),
  safety_identifier: ignored(),
  prompt_cache_key: ignored(),
  prompt_cache_options: ignored(),
  prompt_cache_retention: ignored(),
};

type CommonFields = z.infer<z.ZodObject<typeof commonFields>> & Pick<ConstraintFields, "response_format">;

/** What the server, not the client, says about a request. */
export interface Fixed {
  readonly id: string;
  /** For a request that brings no seed. Unsigned 32 bits. */
  readonly seed: number;
  /** Whose key it came with, and the most urgent lane that this key may ask for. */
  readonly tenant: Tenant;
  readonly lane: Lane;
  readonly headers: SchedulingHeaders;
  /** For a request that brings no timeout, in ms; undefined = no limit. */
  readonly defaultTimeoutMs: number | undefined;
  /** For a request that names no model. */
  readonly defaultModel: string;
  /** For a request that leaves them out. */
  readonly defaults: RequestDefaults;
}

/** A valid request, and how its answer is to be written. */
export interface ParsedRequest {
  /** Its prompt is the first one. */
  readonly request: GenerationRequest;
  readonly prompts: readonly Prompt[];
  /** How many answers to each prompt are wanted. */
  readonly choices: number;
  /** What stands before the text of each answer, by prompt; empty = nothing. */
  readonly echo: readonly string[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

interface Specific {
  readonly prompts: readonly [Prompt, ...Prompt[]];
  readonly echo?: readonly string[];
  readonly maxTokens: number | undefined;
  readonly logprobs: number | undefined;
}

/** Puts together what is the same in both kinds of completion. */
export function toParsedRequest(fields: CommonFields, specific: Specific, fixed: Fixed): ParsedRequest {
  const stream = fields.stream ?? false;
  if (fields.stream_options && !stream)
    throw failure("invalid_value", {
      field: "stream_options",
      value: "an object",
      accepted: "null, unless 'stream' is true",
    });
  return {
    request: {
      id: fixed.id,
      model: fields.model ?? fixed.defaultModel,
      tenant: fixed.tenant,
      lane: laneOf(fields.priority, fixed),
      timeoutMs: timeoutOf(fields.timeout, fixed),
      prompt: specific.prompts[0],
      choice: 0,
      maxTokens: specific.maxTokens,
      logprobs: specific.logprobs,
      sampling: toSampling(fields, fixed),
      stop: typeof fields.stop === "string" ? [fields.stop] : (fields.stop ?? fixed.defaults.stop ?? []),
      ignoreEos: fields.ignore_eos ?? false,
      constraint: constraintOf(fields),
    },
    prompts: specific.prompts,
    choices: fields.n ?? 1,
    echo: specific.echo ?? [],
    stream,
    includeUsage: fields.stream_options?.include_usage ?? false,
  };
}

function toSampling(fields: CommonFields, { seed, defaults }: Fixed): Sampling {
  const topK = fields.top_k ?? defaults.topK ?? 0;
  return {
    temperature: fields.temperature ?? defaults.temperature ?? 1,
    topK: Math.max(0, topK), // -1 = off, as others write it
    topP: fields.top_p ?? defaults.topP ?? 1,
    minP: fields.min_p ?? defaults.minP ?? 0,
    repeatPenalty: oneName(fields, "repetition_penalty", "repeat_penalty") ?? defaults.repeatPenalty ?? 1,
    frequencyPenalty: fields.frequency_penalty ?? defaults.frequencyPenalty ?? 0,
    presencePenalty: fields.presence_penalty ?? defaults.presencePenalty ?? 0,
    logitBias: fields.logit_bias ?? [],
    seed: (fields.seed ?? seed) >>> 0,
  };
}

/** The value of a setting that has two names. Both are welcome as long as they agree. */
export function oneName<K extends string>(
  fields: Readonly<Partial<Record<K, number | null | undefined>>>,
  alias: K,
  name: K,
): number | undefined {
  const [first, second] = [fields[name] ?? undefined, fields[alias] ?? undefined];
  if (first !== undefined && second !== undefined && first !== second)
    throw failure("invalid_value", {
      field: alias,
      value: describe(second),
      accepted: `the value of '${name}', or none`,
    });
  return first ?? second;
}
