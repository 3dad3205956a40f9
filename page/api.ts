import type { Message } from "./conversation.ts";
import { EventStreamReader } from "./event-stream.ts";

export interface Model {
  readonly id: string;
  /** Null until it is loaded. */
  readonly context_length: number | null;
}

/** What the form asks for; what is left out is the server's choice. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly temperature?: number;
  readonly top_p?: number;
  readonly max_tokens?: number;
  readonly seed?: number;
}

/** What a stream tells; each field only where it has something to tell. */
export interface ChatEvent {
  readonly text?: string;
  /** What the model thinks before it answers. */
  readonly thought?: string;
  readonly finish?: string;
  readonly completionTokens?: number;
}

interface ErrorBody {
  readonly error?: { readonly message?: string };
}

interface Chunk extends ErrorBody {
  readonly choices?: readonly {
    readonly delta: { readonly content?: string; readonly reasoning_content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: { readonly completion_tokens: number } | null;
}

/** A refusal in the server's words; status 0 = the server did not answer. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const keyName = "millrace-api-key";

/** Kept until this tab is closed. */
export function keepKey(key: string): void {
  sessionStorage.setItem(keyName, key);
}

export async function listModels(): Promise<readonly Model[]> {
  const answer = await ask("v1/models", {});
  return ((await answer.json()) as { data: readonly Model[] }).data;
}

/** Asks, and tells of the answer as it comes. Aborting `signal` ends it, here and in the server. */
export async function* streamChat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const answer = await ask("v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  const events = new EventStreamReader();
  const pieces = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await pieces.read().catch((cause: unknown) => {
      throw unreachable(signal, cause);
    });
    if (done) throw new ApiError(0, "The connection ended before the answer did.");
    for (const data of events.read(value)) {
      if (data === "[DONE]") return;
      yield toEvent(JSON.parse(data) as Chunk);
    }
  }
}

function toEvent({ error, choices = [], usage }: Chunk): ChatEvent {
  if (error !== undefined) throw new ApiError(0, error.message ?? "The server failed without a word.");
  const { delta, finish_reason: finish } = choices[0] ?? {};
  return {
    ...(delta?.content !== undefined && delta.content !== "" && { text: delta.content }),
    ...(delta?.reasoning_content !== undefined && { thought: delta.reasoning_content }),
    ...(typeof finish === "string" && { finish }),
    ...(usage && { completionTokens: usage.completion_tokens }),
  };
}

/** Paths are relative, so that the page also works below a path of a proxy. */
async function ask(path: string, options: RequestInit): Promise<Response> {
  const key = sessionStorage.getItem(keyName);
  const headers = new Headers(options.headers);
  if (key !== null) headers.set("authorization", `Bearer ${key}`);
  const answer = await fetch(path, { ...options, headers }).catch((cause: unknown) => {
    throw unreachable(options.signal, cause);
  });
  if (answer.ok) return answer;
  const body = (await answer.json().catch(() => ({}))) as ErrorBody;
  throw new ApiError(answer.status, body.error?.message ?? `The server answered ${answer.status}.`);
}

/** An abort stays what it is. */
function unreachable(signal: AbortSignal | null | undefined, cause: unknown): unknown {
  return signal?.aborted === true ? cause : new ApiError(0, "The server cannot be reached.");
}
