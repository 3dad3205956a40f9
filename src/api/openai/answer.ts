import type { FinishReason, GenerationEvent, Usage } from "../../core/generation.ts";
import { AnswerLogprobs, type PlacedLogprobs } from "./logprobs.ts";

/** What all pieces of one answer have in common. */
export interface AnswerHeader {
  /** The request's id, `req-…`. */
  readonly requestId: string;
  /** Unix time in seconds. */
  readonly created: number;
  readonly model: string;
}

/** A stream, collected. */
export interface WholeAnswer {
  readonly text: string;
  readonly reason: FinishReason;
  readonly usage: Usage;
  /** Undefined = not wanted. */
  readonly logprobs: readonly PlacedLogprobs[] | undefined;
}

/** What a stream says beside its text. */
export interface StreamOptions {
  readonly includeUsage: boolean;
  readonly logprobs: boolean;
}

/** Writes one event of a stream as server-sent events; "" = this event says nothing to the client. */
export type FormatEvent = (event: GenerationEvent) => string;

/** `req-5f0c…` → `chatcmpl-5f0c…`: log, header and answer can be found by the same digits. */
export function answerId(prefix: string, requestId: string): string {
  return `${prefix}-${requestId.slice(requestId.indexOf("-") + 1)}`;
}

export function usageObject({ promptTokens, cachedTokens, completionTokens }: Usage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

export function sseEvent(data: string): string {
  return `data: ${data}\n\n`;
}

interface StreamParts {
  /** Opening of every chunk: `{"id":…,"model":…`. */
  readonly head: string;
  /** The chunk before the first text; "" = none. */
  readonly opening: string;
  /** The choice around the JSON of a text and that of its logprobs. */
  readonly choice: readonly [before: string, between: string, after: string];
  readonly logprobs: (tokens: readonly PlacedLogprobs[]) => object;
  readonly lastChoice: (reason: FinishReason) => string;
}

/**
 * The events of a stream around what differs between its kinds. Per token only the text is serialized: everything else
 * of a chunk is made once.
 */
export function streamOf(parts: StreamParts, { includeUsage, logprobs }: StreamOptions): FormatEvent {
  const { head, opening, choice, lastChoice } = parts;
  // With include_usage every chunk has the field, null in all but the last.
  const noUsage = includeUsage ? ',"usage":null' : "";
  const before = `data: ${head},"choices":[`;
  const after = `]${noUsage}}\n\n`;
  const textBefore = before + choice[0];
  const textAfter = `${choice[1]}null${choice[2]}${after}`;
  const tokens = logprobs ? new AnswerLogprobs() : undefined;
  const end = (reason: FinishReason, usage: Usage) => {
    const last = sseEvent(`${head},"choices":[],"usage":${JSON.stringify(usageObject(usage))}}`);
    return `${before}${lastChoice(reason)}${after}${includeUsage ? last : ""}${sseEvent("[DONE]")}`;
  };
  return (event) => {
    if (event.type === "text-delta") {
      const placed = tokens?.take(event);
      if (event.text === "") return "";
      const text = textBefore + JSON.stringify(event.text);
      if (placed === undefined) return text + textAfter;
      return text + choice[1] + JSON.stringify(parts.logprobs(placed)) + choice[2] + after;
    }
    if (event.type === "admitted") return opening === "" ? "" : before + opening + after;
    return end(event.reason, event.usage);
  };
}

/** An object's JSON without its closing brace, so that more can follow. */
export function openJson(object: object): string {
  return JSON.stringify(object).slice(0, -1);
}
