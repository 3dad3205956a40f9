/** The tokens of a request as its server counts them. */
export interface CountedTokens {
  readonly prompt: number;
  /** Those of the prompt that it did not compute; undefined if it does not say. */
  readonly cached: number | undefined;
  readonly completion: number;
}

/** What a chunk of an answer says, of either kind of completion. */
export interface CompletionChunk {
  /** Visible text or reasoning; "" = none. */
  readonly text: string;
  /** It tells why the answer ended, and so came with the last token. */
  readonly finished: boolean;
  readonly usage: CountedTokens | undefined;
  /** Code or type of the error that it is. */
  readonly error: string | undefined;
}

/** Servers differ in what else they send, and in what they leave out. */
interface WireChunk {
  readonly choices?: readonly WireChoice[] | null;
  readonly usage?: {
    readonly prompt_tokens?: number;
    readonly completion_tokens?: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number | null } | null;
  } | null;
  readonly error?: unknown;
}

interface WireChoice {
  readonly text?: string | null;
  readonly delta?: {
    readonly content?: string | null;
    readonly reasoning_content?: string | null;
    readonly reasoning?: string | null;
  } | null;
  readonly finish_reason?: string | null;
}

/** Reads one event's data. Throws if it is no chunk. */
export function readChunk(data: string): CompletionChunk {
  const chunk = JSON.parse(data) as WireChunk | null;
  if (typeof chunk !== "object" || chunk === null) throw new Error("not an object");
  const choice = chunk.choices?.[0];
  const delta = choice?.delta;
  return {
    text: choice?.text || delta?.content || delta?.reasoning_content || delta?.reasoning || "",
    finished: typeof choice?.finish_reason === "string",
    usage: usageOf(chunk.usage),
    error: chunk.error === undefined || chunk.error === null ? undefined : nameOf(chunk.error),
  };
}

/** "429 queue_full": the status, and what the body of an error calls it. */
export function refusalOf(status: number, body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return `HTTP ${status} ${nameOf(error)}`.trim();
  } catch {
    return `HTTP ${status}`;
  }
}

function usageOf(usage: WireChunk["usage"]): CountedTokens | undefined {
  if (typeof usage?.prompt_tokens !== "number" || typeof usage.completion_tokens !== "number") return undefined;
  return {
    prompt: usage.prompt_tokens,
    cached: usage.prompt_tokens_details?.cached_tokens ?? undefined,
    completion: usage.completion_tokens,
  };
}

/** A short name: kinds of errors are counted, so what differs from one to the next is no part of it. */
function nameOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { code, type } = error as { code?: unknown; type?: unknown };
  const name = [code, type].find((value) => typeof value === "string");
  return typeof name === "string" ? name.slice(0, 60) : "";
}
