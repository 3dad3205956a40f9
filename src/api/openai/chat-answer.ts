import type { ToolCallDelta } from "../../core/generation.ts";
import {
  answerId,
  openJson,
  streamOf,
  usageObject,
  type AnswerHeader,
  type StreamFormat,
  type StreamOptions,
  type WholeAnswer,
} from "./answer.ts";
import { chatLogprobs } from "./logprobs.ts";
import { timingsObject } from "./timings.ts";

/** The object that answers `POST /v1/chat/completions`. */
export function formatChat(header: AnswerHeader, { choices, usage, timings }: WholeAnswer): object {
  return {
    ...common(header, "chat.completion"),
    choices: choices.map(({ text, reasoning = "", calls = [], reason, logprobs }, index) => ({
      index,
      message: {
        role: "assistant",
        content: text === "" && calls.length > 0 ? null : text,
        ...(reasoning !== "" && { reasoning_content: reasoning }),
        ...(calls.length > 0 && {
          tool_calls: calls.map((call, at) => ({ id: callId(header, [index, at]), type: "function", function: call })),
        }),
        refusal: null,
      },
      logprobs: logprobs === undefined ? null : chatLogprobs(logprobs),
      finish_reason: reason,
    })),
    usage: usageObject(usage),
    ...(timings && { timings: timingsObject(usage, timings) }),
  };
}

/** The same as a stream: of each choice a chunk with the role, chunks with text, one with the reason; perhaps usage, `[DONE]`. */
export function chatStream(header: AnswerHeader, options: StreamOptions): StreamFormat {
  const parts = {
    head: openJson(common(header, "chat.completion.chunk")),
    opening: (index: number) => choice(index, { role: "assistant", content: "", refusal: null }, null),
    choice: (index: number) =>
      [`{"index":${index},"delta":{"content":`, '},"logprobs":', ',"finish_reason":null}'] as const,
    logprobs: chatLogprobs,
    reasoning: (index: number, text: string) => choice(index, { reasoning_content: text }, null),
    calls: (index: number, calls: readonly ToolCallDelta[]) =>
      choice(index, { tool_calls: calls.map((call) => callDelta(call, callId(header, [index, call.index]))) }, null),
    silentChoice: (index: number, reason: string | null) => choice(index, {}, reason),
  };
  return streamOf(parts, options);
}

function common({ requestId, created, model, serviceTier }: AnswerHeader, object: string) {
  const tier = serviceTier === "auto" ? "default" : serviceTier;
  return { id: answerId("chatcmpl", requestId), object, created, model, ...(tier && { service_tier: tier }) };
}

/** Unique in a conversation, as request ids are. */
function callId({ requestId }: AnswerHeader, place: readonly [choice: number, call: number]): string {
  return `call_${requestId.slice(requestId.indexOf("-") + 1)}_${place.join("_")}`;
}

function callDelta({ index, name, arguments: more }: ToolCallDelta, id: string): object {
  const begun = name === undefined ? {} : { id, type: "function" };
  return { index, ...begun, function: { ...(name !== undefined && { name }), arguments: more } };
}

function choice(index: number, delta: object, reason: string | null): string {
  return JSON.stringify({ index, delta, logprobs: null, finish_reason: reason });
}
