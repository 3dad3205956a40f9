import type { FinishReason, GenerationEvent, Usage } from "../../core/generation.ts";

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
  /** The choice around the JSON of a text. */
  readonly choice: readonly [before: string, after: string];
  readonly lastChoice: (reason: FinishReason) => string;
  readonly includeUsage: boolean;
}

/**
 * The events of a stream around what differs between its kinds. Per token only the text is serialized: everything else
 * of a chunk is made once.
 */
export function streamOf({ head, opening, choice, lastChoice, includeUsage }: StreamParts): FormatEvent {
  // With include_usage every chunk has the field, null in all but the last.
  const noUsage = includeUsage ? ',"usage":null' : "";
  const before = `data: ${head},"choices":[`;
  const after = `]${noUsage}}\n\n`;
  const textBefore = before + choice[0];
  const textAfter = choice[1] + after;
  const end = (reason: FinishReason, usage: Usage) => {
    const last = sseEvent(`${head},"choices":[],"usage":${JSON.stringify(usageObject(usage))}}`);
    return `${before}${lastChoice(reason)}${after}${includeUsage ? last : ""}${sseEvent("[DONE]")}`;
  };
  return (event) => {
    if (event.type === "text-delta")
      return event.text === "" ? "" : textBefore + JSON.stringify(event.text) + textAfter;
    if (event.type === "admitted") return opening === "" ? "" : before + opening + after;
    return end(event.reason, event.usage);
  };
}

/** An object's JSON without its closing brace, so that more can follow. */
export function openJson(object: object): string {
  return JSON.stringify(object).slice(0, -1);
}
