import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  ChoiceCollector,
  sseEvent,
  type AnswerHeader,
  type StreamFormat,
  type StreamOptions,
  type WholeAnswer,
} from "../api/openai/answer.ts";
import { chatStream, formatChat } from "../api/openai/chat-answer.ts";
import { parseChat } from "../api/openai/chat-request.ts";
import type { Fixed, ParsedRequest } from "../api/openai/common-fields.ts";
import { completionStream, formatCompletion } from "../api/openai/completion-answer.ts";
import { parseCompletion } from "../api/openai/completion-request.ts";
import { formatError } from "../api/openai/error-body.ts";
import { parseGenerateStream, plainStream } from "../api/plain/generate-stream.ts";
import { reasoningReader } from "../api/openai/reasoning.ts";
import { toolCallReader } from "../api/openai/tool-calls.ts";
import type { ModelInfo } from "../core/backend.ts";
import { failure } from "../core/errors.ts";
import type { ChoiceEvent } from "../core/generation.ts";
import type { Models } from "../core/models.ts";
import { addRoute } from "./add-route.ts";
import { echoPrompts } from "./echo-prompts.ts";
import { findModel } from "./find-model.ts";
import { generateChoices } from "./generate-choices.ts";
import { fixedOf } from "./request-facts.ts";
import type { RequestRecord } from "./request-log.ts";
import { failureOf, type RequestScopes } from "./request-scopes.ts";
import type { CurrentSettings } from "./server-settings.ts";
import { SseResponse } from "./sse-response.ts";
import { TotalUsage } from "./total-usage.ts";

/** One way to ask for text: how its requests are read and its answers written. */
interface TextApi {
  readonly urls: readonly string[];
  readonly parse: (body: unknown, fixed: Fixed) => ParsedRequest;
  /** What is thought before an answer is told apart from it. */
  readonly reasons?: true;
  /** Undefined = its answers are always streams. */
  readonly format?: (header: AnswerHeader, answer: WholeAnswer) => object;
  readonly stream: (header: AnswerHeader, options: StreamOptions) => StreamFormat;
}

const textApis: readonly TextApi[] = [
  {
    urls: ["/v1/chat/completions", "/chat/completions"],
    parse: parseChat,
    reasons: true,
    format: formatChat,
    stream: chatStream,
  },
  { urls: ["/v1/completions"], parse: parseCompletion, format: formatCompletion, stream: completionStream },
  { urls: ["/generate_stream"], parse: parseGenerateStream, stream: plainStream },
];

interface Serving {
  readonly models: Models;
  readonly scopes: RequestScopes;
  readonly settings: CurrentSettings;
}

/** A request that is being answered. */
interface Run {
  readonly events: AsyncIterable<ChoiceEvent>;
  /** What the client is told of an event. */
  readonly read: (said: ChoiceEvent) => readonly ChoiceEvent[];
  /** How many there are. */
  readonly answers: number;
  readonly options: StreamOptions;
  /** How long it took is a part of the answer. */
  readonly timings: boolean;
  readonly signal: AbortSignal;
  readonly record: RequestRecord;
}

export function addGenerationRoutes(server: FastifyInstance, serving: Serving): void {
  for (const api of textApis)
    for (const url of api.urls)
      addRoute(server, { method: "POST", url, handler: (request, reply) => answer(request, reply, { api, serving }) });
}

interface Answering {
  readonly api: TextApi;
  readonly serving: Serving;
}

async function answer(request: FastifyRequest, reply: FastifyReply, { api, serving }: Answering): Promise<object> {
  const { models, scopes, settings } = serving;
  const parsed = api.parse(request.body, fixedOf(request, serving));
  const { model } = parsed.request;
  const backend = findModel(models, model);
  refuseTooMany(parsed, backend.model);
  const created = Math.floor(Date.now() / 1000);
  const header = { requestId: request.id, created, model, serviceTier: parsed.serviceTier };
  const signal = scopes.scopeFor(reply);
  const events = generateChoices(backend, parsed, signal);
  const run = {
    events: parsed.echo ? echoPrompts(events, backend, { ...parsed, signal }) : events,
    read: readerOf(parsed, api),
    answers: parsed.prompts.length * parsed.choices,
    options: { includeUsage: parsed.includeUsage, logprobs: parsed.request.logprobs !== undefined },
    timings: parsed.timings,
    signal,
    record: request.record,
  };
  if (api.format !== undefined && !parsed.stream) return api.format(header, await collect(run));
  const { slowClientTimeout, ssePingInterval } = settings();
  const patience = { slowMs: 1000 * slowClientTimeout, pingMs: 1000 * ssePingInterval };
  await stream(run, () => new SseResponse(reply, patience), api.stream(header, run.options));
  return reply;
}

const readAsItIs: Run["read"] = (said) => [said];

/** Thoughts come first, and are not searched for calls. An answer that is kept to something is all answer. */
function readerOf({ request, calls }: ParsedRequest, { reasons }: TextApi): Run["read"] {
  const withoutThoughts = reasons === true && request.constraint === undefined ? reasoningReader() : readAsItIs;
  if (calls === undefined) return withoutThoughts;
  const readCalls = toolCallReader(calls);
  return (said) => withoutThoughts(said).flatMap(readCalls);
}

/** What could never be served must not be told to come again later. */
function refuseTooMany({ prompts, choices }: ParsedRequest, { mostRequests = Infinity }: ModelInfo): void {
  if (prompts.length * choices <= mostRequests) return;
  const accepted = `up to ${mostRequests} answers in all: as many requests may run and wait at once`;
  const severalPrompts = prompts.length > 1;
  const value = severalPrompts ? `an array of ${prompts.length}, with ${choices} answers to each` : `${choices}`;
  throw failure("invalid_value", { field: severalPrompts ? "prompt" : "n", value, accepted });
}

async function collect({ events, read, answers, options, timings, signal, record }: Run): Promise<WholeAnswer> {
  const collectors = Array.from({ length: answers }, () => new ChoiceCollector(options));
  const total = new TotalUsage();
  try {
    for await (const said of events) {
      record.note(said);
      total.note(said);
      for (const part of read(said)) collectors[said.index]!.note(part);
    }
    if (total.finished < answers) throw unfinished();
    const choices = collectors.map(({ whole }) => whole);
    return { choices, usage: total.usage, timings: timings ? record.timings : undefined };
  } catch (thrown) {
    throw failureOf(thrown, signal);
  }
}

/** Sends the head with the first event, so that what fails before it is answered with its status. */
async function stream(run: Run, open: () => SseResponse, format: StreamFormat): Promise<void> {
  const { events, read, answers, timings, signal, record } = run;
  const total = new TotalUsage();
  let response: SseResponse | undefined;
  try {
    for await (const said of events) {
      record.note(said);
      total.note(said);
      response ??= open();
      for (const part of read(said)) response.write(format.event(part));
      if (response.full) await response.drained();
    }
    if (total.finished < answers) throw unfinished();
    response?.end(format.end(total.usage, timings ? record.timings : undefined));
  } catch (thrown) {
    const error = failureOf(thrown, signal);
    if (response === undefined) throw error;
    record.error = error;
    response.end(sseEvent(JSON.stringify(formatError(error.toBody()))));
  }
}

function unfinished(): Error {
  return new Error("the backend's stream ended without 'finished'");
}
