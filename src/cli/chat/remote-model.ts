import * as z from "zod";
import { failure, MillraceError } from "../../core/errors.ts";
import type { ChatMessage } from "../../core/generation.ts";
import type { AnswerPart, ChatModel } from "./chat-model.ts";
import type { ChatParameters } from "./parameters.ts";
import { serverSentEvents } from "./server-sent-events.ts";

interface Remote {
  /** With or without `/v1` at its end. */
  readonly url: string;
  readonly apiKey: string | undefined;
}

// Servers differ in what else they send; only what is used is looked at.
const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });
const errorBody = z.object({ error: z.object({ message: z.string() }) });
const answerChunk = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }).optional() })).default([]),
  usage: z.object({ completion_tokens: z.number() }).nullish(),
});

/** A model behind any server that speaks OpenAI's API: the one named, or the first that it lists. */
export async function openRemote(remote: Remote, name: string | undefined): Promise<ChatModel> {
  const response = await send(remote, "models", {});
  const { data } = parsed(remote, modelList, await response.text().catch((error: unknown) => fail(remote, error)));
  const ids = data.map(({ id }) => id);
  const id = name ?? ids[0];
  if (id === undefined || !ids.includes(id)) {
    throw failure("model_not_found", { model: name ?? "", available: ids.join(", ") || "nothing" });
  }
  return new RemoteModel(remote, id);
}

class RemoteModel implements ChatModel {
  readonly id: string;
  readonly #remote: Remote;

  constructor(remote: Remote, id: string) {
    this.#remote = remote;
    this.id = id;
  }

  async *ask(
    messages: readonly ChatMessage[],
    parameters: ChatParameters,
    signal: AbortSignal,
  ): AsyncGenerator<AnswerPart> {
    const streaming = { stream: true, stream_options: { include_usage: true } };
    const body = JSON.stringify({ model: this.id, messages, ...parameters, ...streaming });
    const response = await send(this.#remote, "chat/completions", { method: "POST", body, signal });
    let tokens: number | undefined;
    try {
      for await (const data of serverSentEvents(response.body!)) {
        if (data === "[DONE]") return;
        const { choices, usage } = parsed(this.#remote, answerChunk, data);
        tokens = usage?.completion_tokens ?? tokens;
        yield { text: choices[0]?.delta?.content ?? "", tokens };
      }
    } catch (error) {
      fail(this.#remote, error);
    }
    throw problem(this.#remote, "it ended in the middle of the answer");
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The response, if it is a good one. Throws `remote_server_failed`. */
async function send(remote: Remote, path: string, request: RequestInit): Promise<Response> {
  const headers = {
    "content-type": "application/json",
    ...(remote.apiKey === undefined ? {} : { authorization: `Bearer ${remote.apiKey}` }),
  };
  const base = remote.url.replace(/\/+$/, "").replace(/\/v1$/, "");
  try {
    const response = await fetch(`${base}/v1/${path}`, { ...request, headers });
    if (response.ok) return response;
    const said = await response.text();
    throw problem(remote, `HTTP ${response.status}: ${messageOf(said)}`);
  } catch (error) {
    return fail(remote, error);
  }
}

function parsed<T>(remote: Remote, schema: z.ZodType<T>, text: string): T {
  const value = jsonOf(text);
  const result = schema.safeParse(value);
  const refused = errorBody.safeParse(value);
  if (refused.success) throw problem(remote, refused.data.error.message);
  if (!result.success) throw problem(remote, `this is not OpenAI's API: ${text.slice(0, 200)}`);
  return result.data;
}

function messageOf(body: string): string {
  const refused = errorBody.safeParse(jsonOf(body));
  return refused.success ? refused.data.error.message : body.slice(0, 200);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What `fetch` throws says "fetch failed"; why, says its cause. */
function fail(remote: Remote, error: unknown): never {
  if (error instanceof MillraceError) throw error;
  const { message, cause } = error as Error;
  const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : undefined;
  throw problem(remote, why ?? message, error);
}

function problem({ url }: Remote, problem: string, cause?: unknown): MillraceError {
  return failure("remote_server_failed", { url, problem }, cause);
}
