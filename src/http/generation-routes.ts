import type { FastifyInstance, FastifyReply } from "fastify";
import { sseEvent, type AnswerHeader, type FormatEvent, type WholeAnswer } from "../api/openai/answer.ts";
import { chatStream, formatChat } from "../api/openai/chat-answer.ts";
import { parseChat } from "../api/openai/chat-request.ts";
import type { Fixed, ParsedRequest } from "../api/openai/common-fields.ts";
import { completionStream, formatCompletion } from "../api/openai/completion-answer.ts";
import { parseCompletion } from "../api/openai/completion-request.ts";
import { formatError } from "../api/openai/error-body.ts";
import type { GenerationEvent, RequestDefaults } from "../core/generation.ts";
import { newSeed } from "../core/ids.ts";
import { addRoute } from "./add-route.ts";
import { findBackend, type Backends } from "./find-backend.ts";
import type { RequestRecord } from "./request-log.ts";
import { failureOf, type RequestScopes } from "./request-scopes.ts";
import { SseResponse } from "./sse-response.ts";

/** One way to ask for text: how its requests are read and its answers written. */
interface TextApi {
  readonly url: string;
  readonly parse: (body: unknown, fixed: Fixed) => ParsedRequest;
  readonly format: (header: AnswerHeader, answer: WholeAnswer) => object;
  readonly stream: (header: AnswerHeader, includeUsage: boolean) => FormatEvent;
}

const textApis: readonly TextApi[] = [
  { url: "/v1/chat/completions", parse: parseChat, format: formatChat, stream: chatStream },
  { url: "/v1/completions", parse: parseCompletion, format: formatCompletion, stream: completionStream },
];

interface Serving {
  readonly backends: Backends;
  readonly scopes: RequestScopes;
  readonly defaults: RequestDefaults;
}

/** A request that is being answered. */
interface Run {
  readonly events: AsyncIterable<GenerationEvent>;
  readonly signal: AbortSignal;
  readonly record: RequestRecord;
}

export function addGenerationRoutes(server: FastifyInstance, { backends, scopes, defaults }: Serving): void {
  for (const api of textApis)
    addRoute(server, {
      method: "POST",
      url: api.url,
      handler: async (request, reply) => {
        const fixed = { id: request.id, seed: newSeed(), defaultModel: backends[0].model.id, defaults };
        const parsed = api.parse(request.body, fixed);
        const { model } = parsed.request;
        const backend = findBackend(backends, model);
        const header = { requestId: request.id, created: Math.floor(Date.now() / 1000), model };
        const signal = scopes.signalFor(reply);
        const run = { events: backend.generate(parsed.request, signal), signal, record: request.record };
        if (!parsed.stream) return api.format(header, await collect(run));
        await stream(run, reply, api.stream(header, parsed.includeUsage));
        return reply;
      },
    });
}

async function collect({ events, signal, record }: Run): Promise<WholeAnswer> {
  const texts: string[] = [];
  try {
    for await (const event of events) {
      record.note(event);
      if (event.type === "text-delta") texts.push(event.text);
      else if (event.type === "finished") return { text: texts.join(""), reason: event.reason, usage: event.usage };
    }
    throw unfinished();
  } catch (thrown) {
    throw failureOf(thrown, signal);
  }
}

/** Sends the head with the first event, so that what fails before it is answered with its status. */
async function stream({ events, signal, record }: Run, reply: FastifyReply, format: FormatEvent): Promise<void> {
  let response: SseResponse | undefined;
  try {
    for await (const event of events) {
      record.note(event);
      response ??= new SseResponse(reply);
      response.write(format(event));
      if (response.full) await response.drained();
    }
    if (record.finish === undefined) throw unfinished();
    response?.end();
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
