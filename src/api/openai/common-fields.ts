import * as z from "zod";
import { failure } from "../../core/errors.ts";
import type { GenerationRequest, Lane, Prompt, RequestDefaults, Sampling, Tenant } from "../../core/generation.ts";
import { describe } from "../shown-value.ts";
import { constraintOf, guidedFields, type ConstraintFields, type CallConstraint } from "./constraint-fields.ts";
import type { CallReading } from "./tool-calls.ts";
import { flag, ignored, integerFrom, listOf, numberFrom, objectOf, text } from "./fields.ts";
import { ignoredFields } from "./ignored-fields.ts";
import { logitBiasField } from "./logit-bias.ts";
import {
  laneOf,
  priorityField,
  timeoutField,
  timeoutOf,
  type SchedulingHeaders,
  type ServiceTier,
} from "./scheduling-fields.ts";

export const most32Bits = 2 ** 31 - 1;
/** Answers of one request, to all its prompts together. */
export const mostChoices = 128;
const stopLength = "a string of 1 to 1000 characters";
const stopText = text(stopLength).min(1, stopLength).max(1000, stopLength);
const stopAccepted = `${stopLength}, or an array of up to 16 of them`;

/** The fields of any request for text. */
export const textFields = {
  model: text("the id of a served model").nullish().describe("who answers; left out: the first model that is served"),
  max_tokens: integerFrom(1, most32Bits).nullish().describe("most tokens of the answer"),
  temperature: numberFrom(0, 2).nullish().describe("how freely tokens are drawn; 0: always the likeliest"),
  top_p: numberFrom(0, 1).nullish().describe("draw from the likeliest tokens that together have this probability"),
  frequency_penalty: numberFrom(-2, 2).nullish().describe("less likely the more often a token is in the answer"),
  presence_penalty: numberFrom(-2, 2).nullish().describe("less likely once a token is in the answer"),
  logit_bias: logitBiasField.nullish().describe("added to the logits of tokens; 100 forces one, -100 forbids it"),
  stop: z
    .union([stopText, listOf(stopText, "up to 16 strings", { least: 0, most: 16 })], stopAccepted)
    .nullish()
    .describe("texts at which the answer ends, without them"),
  seed: integerFrom(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    .nullish()
    .describe("the same seed draws the same random numbers"),
  // Not OpenAI's, under their usual names:
  top_k: integerFrom(-1, most32Bits).nullish().describe("draw from so many of the likeliest tokens; 0 or -1: from all"),
  min_p: numberFrom(0, 1).nullish().describe("drop tokens less likely than this times the likeliest"),
  repeat_penalty: numberFrom(0.01, 10).nullish().describe("above 1: less likely what prompt or answer have already"),
  repetition_penalty: numberFrom(0.01, 10).nullish().describe("another name of `repeat_penalty`"),
  ignore_eos: flag().describe("go on after the model's own end, up to the limit"),
  ...guidedFields,
  priority: priorityField.nullish().describe("the lane; left out: the most urgent that the key may ask for"),
  timeout: timeoutField.nullish().describe("for queue, prompt and answer together"),
  ...ignoredFields,
};

/** The fields that work the same in both kinds of completion. */
export const commonFields = {
  ...textFields,
  stream: flag().describe("send the answer as it is made, as server-sent events"),
  stream_options: objectOf(
    {
      include_usage: flag().describe("one more chunk with `usage` before the end"),
      include_obfuscation: ignored("chunks are not padded"),
    },
    'an object like {"include_usage": true}',
  )
    .nullish()
    .describe("`include_usage`: one more chunk with `usage` before the end"),
  n: integerFrom(1, mostChoices).nullish().describe("answers to each prompt, which is computed once"),
  return_progress: flag().describe("not OpenAI's: chunks with `prompt_progress` while the prompt is computed"),
  timings: flag().describe("not OpenAI's: how long prompt and answer took, in `timings`"),
};

type TextFields = z.infer<z.ZodObject<typeof textFields>>;
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
  /** The text of its prompt stands before each answer. */
  readonly echo: boolean;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly timings: boolean;
  /** The tier that the answer names; undefined = none was asked for. */
  readonly serviceTier: ServiceTier | undefined;
  /** What calls are read out of its answers; missing = none. */
  readonly calls?: CallReading;
}

interface Specific {
  readonly prompts: readonly [Prompt, ...Prompt[]];
  readonly echo?: boolean;
  readonly scorePrompt?: boolean;
  readonly maxTokens: number | undefined;
  readonly logprobs: number | undefined;
  readonly serviceTier?: ServiceTier | undefined;
  /** What the answer can call. */
  readonly calls?: CallConstraint | undefined;
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
  const progress = fields.return_progress ?? false;
  if (progress && !stream)
    throw failure("invalid_value", {
      field: "return_progress",
      value: "true",
      accepted: "false, unless 'stream' is true",
    });
  return {
    request: {
      id: fixed.id,
      model: fields.model ?? fixed.defaultModel,
      tenant: fixed.tenant,
      lane: laneOf({ priority: fields.priority, serviceTier: specific.serviceTier }, fixed),
      timeoutMs: timeoutOf(fields.timeout, fixed),
      prompt: specific.prompts[0],
      choice: 0,
      maxTokens: specific.maxTokens,
      logprobs: specific.logprobs,
      sampling: toSampling(fields, fixed),
      stop: typeof fields.stop === "string" ? [fields.stop] : (fields.stop ?? fixed.defaults.stop ?? []),
      ignoreEos: fields.ignore_eos ?? false,
      ...(progress && { progress }),
      ...(specific.scorePrompt === true && { scorePrompt: true }),
      constraint: constraintOf(fields, specific.calls),
    },
    prompts: specific.prompts,
    choices: fields.n ?? 1,
    echo: specific.echo ?? false,
    stream,
    includeUsage: fields.stream_options?.include_usage ?? false,
    timings: fields.timings ?? false,
    serviceTier: specific.serviceTier,
  };
}

function toSampling(fields: TextFields, { seed, defaults }: Fixed): Sampling {
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
