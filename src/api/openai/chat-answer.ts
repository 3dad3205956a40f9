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

/** The object that answers `POST /v1/chat/completions`. */
export function formatChat(header: AnswerHeader, { choices, usage }: WholeAnswer): object {
  return {
    ...common(header, "chat.completion"),
    choices: choices.map(({ text, reason, logprobs }, index) => ({
      index,
      message: { role: "assistant", content: text, refusal: null },
      logprobs: logprobs === undefined ? null : chatLogprobs(logprobs),
      finish_reason: reason,
    })),
    usage: usageObject(usage),
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
    lastChoice: (index: number, reason: string) => choice(index, {}, reason),
  };
  return streamOf(parts, options);
}

function common({ requestId, created, model }: AnswerHeader, object: string) {
  return { id: answerId("chatcmpl", requestId), object, created, model };
}

function choice(index: number, delta: object, reason: string | null): string {
  return JSON.stringify({ index, delta, logprobs: null, finish_reason: reason });
}
