import * as z from "zod";
import type { Expression } from "../core/constraint.ts";
import { errorTable, type ErrorCode } from "../core/errors.ts";
import { lanes, reasoningEfforts } from "../core/generation.ts";
import { policyNames } from "../core/scheduling.ts";
import type { EngineMessage, HostMessage } from "./messages.ts";

/** A message that does not belong to the vocabulary. The other side is not to be trusted after it. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

const count = z.int().nonnegative();
const ids = z.array(z.int());
const kvType = z.enum(["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]);

// JSON drops what is undefined; the transforms put it back, because these fields must be there.
const planSchema = z
  .object({
    modelFile: z.string(),
    task: z.enum(["generate", "embed"]),
    pooling: z.enum(["model", "mean", "cls", "last"]),
    threads: z.int().positive(),
    batchThreads: z.int().positive(),
    poll: z.number(),
    cpuMask: ids.optional(),
    cpuVariant: z.string().optional(),
    slots: z.int().positive(),
    contextPerSlot: z.int().positive(),
    kvTypeK: kvType,
    kvTypeV: kvType,
    kvLayout: z.enum(["per-sequence", "unified"]),
    swaFull: z.boolean(),
    flashAttention: z.enum(["auto", "on", "off"]),
    batch: z.int().positive(),
    microBatch: z.int().positive(),
    outputs: z.int().positive(),
    loadMode: z.enum(["mmap", "read"]),
    device: z.string().optional(),
    gpuLayers: z.int(),
    splitMode: z.enum(["none", "layer", "row"]),
    kvReuse: z.boolean(),
  })
  .transform((plan) => ({
    ...plan,
    cpuMask: plan.cpuMask,
    cpuVariant: plan.cpuVariant,
    device: plan.device,
  }));

const expressionSchema: z.ZodType<Expression> = z.lazy(() =>
  z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("text"), text: z.string() }),
    z.object({ kind: z.literal("character"), ranges: z.array(z.tuple([count, count])) }),
    z.object({ kind: z.literal("sequence"), parts: z.array(expressionSchema) }),
    z.object({ kind: z.literal("choice"), options: z.array(expressionSchema) }),
    z.object({ kind: z.literal("repeat"), of: expressionSchema, least: count, most: count.optional() }),
    z.object({ kind: z.literal("rule"), index: count }),
  ]),
);

const anyRequest = {
  id: z.string(),
  model: z.string(),
  tenant: z.object({ name: z.string(), weight: z.number().positive() }),
  lane: z.enum(lanes),
  timeoutMs: z.number().positive().optional(),
};
const textInput = z.object({ kind: z.literal("text"), text: z.string() });
const tokensInput = z.object({ kind: z.literal("tokens"), ids });
const anyObject = z.record(z.string(), z.unknown());
const toolCallSchema = z.object({
  id: z.string(),
  type: z.literal("function"),
  function: z.object({ name: z.string(), arguments: z.union([anyObject, z.string()]) }),
});
const messagesSchema = z.array(
  z.object({
    role: z.string(),
    content: z.string(),
    name: z.string().exactOptional(),
    reasoning_content: z.string().exactOptional(),
    tool_calls: z.array(toolCallSchema).exactOptional(),
    tool_call_id: z.string().exactOptional(),
  }),
);
const toolSchema = z.object({
  type: z.literal("function"),
  function: z.object({ name: z.string(), description: z.string().exactOptional(), parameters: anyObject }),
});
const conversation = { messages: messagesSchema, tools: z.array(toolSchema).exactOptional() };

const questionSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("tokenize"), text: z.string(), addSpecial: z.boolean(), parseSpecial: z.boolean() }),
  z.object({ kind: z.literal("detokenize"), tokens: ids }),
  z.object({ kind: z.literal("render"), model: z.string(), ...conversation }),
]);

const requestSchema = z
  .object({
    ...anyRequest,
    prompt: z.discriminatedUnion("kind", [
      z.object({
        kind: z.literal("chat"),
        ...conversation,
        reasoningEffort: z.enum(reasoningEfforts).exactOptional(),
      }),
      textInput.extend({ suffix: z.string().exactOptional() }),
      tokensInput,
    ]),
    choice: count,
    maxTokens: count.optional(),
    logprobs: count.optional(),
    sampling: z.object({
      temperature: z.number(),
      topK: count,
      topP: z.number(),
      minP: z.number(),
      repeatPenalty: z.number(),
      frequencyPenalty: z.number(),
      presencePenalty: z.number(),
      logitBias: z.array(z.object({ token: count, bias: z.number() })),
      seed: count,
    }),
    stop: z.array(z.string()),
    ignoreEos: z.boolean(),
    constraint: z.object({ rules: z.array(expressionSchema).nonempty() }).optional(),
    progress: z.literal(true).exactOptional(),
    scorePrompt: z.literal(true).exactOptional(),
  })
  .transform((request) => ({
    ...request,
    maxTokens: request.maxTokens,
    logprobs: request.logprobs,
    timeoutMs: request.timeoutMs,
  }));

const embeddingRequestSchema = z
  .object({
    ...anyRequest,
    inputs: z.array(z.discriminatedUnion("kind", [textInput, tokensInput])).nonempty(),
    listed: z.boolean(),
    dimensions: z.int().positive().optional(),
  })
  .transform((request) => ({ ...request, dimensions: request.dimensions, timeoutMs: request.timeoutMs }));

const schedulingSchema = z.object({
  policy: z.enum(policyNames),
  targetItl: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("off") }),
    z.object({ kind: z.literal("times"), times: z.number().positive() }),
    z.object({ kind: z.literal("ms"), ms: z.number().positive() }),
  ]),
  cacheMemory: count,
  maxQueuedRequests: count,
  maxQueuedTokens: count,
  turnTokens: count,
  ageingMs: z.number().positive(),
  sharedPrefixes: z.array(z.string()),
});

const hostMessageSchema: z.ZodType<HostMessage> = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("open"),
    spec: z.object({ engine: z.string(), plan: planSchema }),
    scheduling: schedulingSchema,
  }),
  z.object({
    type: z.literal("submit"),
    request: requestSchema,
    credit: count,
    waitedMs: z.number().nonnegative(),
    resume: z.object({ promptTokens: ids.nonempty(), tokens: ids }).optional(),
  }),
  z.object({
    type: z.literal("embed"),
    request: embeddingRequestSchema,
    credit: count,
    waitedMs: z.number().nonnegative(),
    again: z.boolean(),
  }),
  z.object({ type: z.literal("ask"), id: z.string(), question: questionSchema }),
  z.object({ type: z.literal("cancel"), id: z.string() }),
  z.object({ type: z.literal("credit"), id: z.string(), tokens: count }),
  z.object({ type: z.literal("threads"), threads: z.int().positive() }),
  z.object({ type: z.literal("schedule"), scheduling: schedulingSchema }),
  z.object({ type: z.literal("abort-step") }),
  z.object({ type: z.literal("close") }),
]);

const errorSchema = z.object({
  code: z.enum(Object.keys(errorTable) as ErrorCode[]),
  message: z.string(),
  param: z.string().optional(),
  retryAfter: z.number().nonnegative().optional(),
});

const probability = { token: count, bytes: z.array(z.int()), isControl: z.boolean(), logprob: z.number() };
const logprobsSchema = z.object({
  ...probability,
  logprob: z.number().nullable(),
  begin: count,
  top: z.array(z.object(probability)),
});

export const generationEventSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("admitted"),
    promptTokens: ids,
    reasoning: z.enum(["open", "possible"]).exactOptional(),
  }),
  z.object({ type: z.literal("prompt-progress"), processed: count, cached: count, total: count }),
  z.object({
    type: z.literal("text-delta"),
    text: z.string(),
    tokens: ids,
    logprobs: z.array(logprobsSchema).exactOptional(),
    ofPrompt: z.literal(true).exactOptional(),
  }),
  z.object({
    type: z.literal("finished"),
    reason: z.enum(["stop", "length"]),
    usage: z.object({ promptTokens: count, cachedTokens: count, completionTokens: count }),
  }),
]);

const eventSchema = z.discriminatedUnion("type", [
  ...generationEventSchema.options,
  z.object({ type: z.literal("prepared") }),
  z.object({ type: z.literal("vectors"), vectors: z.array(z.string()).nonempty(), tokens: count }),
]);

export const textReplySchema = z.union([z.object({ tokens: ids }), z.object({ text: z.string() })]);

const reportSchema = z.object({
  step: count,
  milliseconds: z.number(),
  tokens: count,
  sequences: count,
  threads: count,
  threadLimit: count,
  running: count,
  waiting: count,
  waitingTokens: count,
  drainMs: z.number().nonnegative(),
});

export const infoSchema = z.object({
  library: z.string(),
  cpuVariant: z.string(),
  description: z.string(),
  contextPerSlot: count,
  trainedContext: count,
  capabilities: z.object({
    trimInPlace: z.boolean(),
    trimAfterRestore: z.boolean(),
    window: count,
    recurrent: z.boolean(),
  }),
  dimensions: z.int().positive().exactOptional(),
});

const engineMessageSchema: z.ZodType<EngineMessage> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("loading"), progress: z.number() }),
  z.object({ type: z.literal("ready"), info: infoSchema }),
  z.object({ type: z.literal("open-failed"), error: errorSchema }),
  z.object({
    type: z.literal("step"),
    events: z.array(
      z.union([z.object({ id: z.string(), event: eventSchema }), z.object({ id: z.string(), error: errorSchema })]),
    ),
    report: reportSchema.optional(),
  }),
  z.object({
    type: z.literal("reply"),
    id: z.string(),
    reply: textReplySchema,
  }),
  z.object({ type: z.literal("request-failed"), id: z.string(), error: errorSchema }),
  z.object({
    type: z.literal("heartbeat"),
    pulse: z.object({ step: count, tokens: count, milliseconds: z.number() }),
  }),
]);

/** Throws a ProtocolError that names the first fault. */
export function parseHostMessage(value: unknown): HostMessage {
  return parse(hostMessageSchema, value);
}

/** Throws a ProtocolError that names the first fault. */
export function parseEngineMessage(value: unknown): EngineMessage {
  return parse(engineMessageSchema, value);
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fault = parsed.error.issues[0]!;
  throw new ProtocolError(
    `a message does not fit the vocabulary: ${fault.path.join(".") || "(root)"}: ${fault.message}`,
  );
}
