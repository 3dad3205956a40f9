import {
  answerId,
  openJson,
  streamOf,
  usageObject,
  type AnswerHeader,
  type FormatEvent,
  type StreamOptions,
  type WholeAnswer,
} from "./answer.ts";
import { chatLogprobs } from "./logprobs.ts";

/** The object that answers `POST /v1/chat/completions`. */
export function formatChat(header: AnswerHeader, answer: WholeAnswer): object {
  return {
    ...common(header, "chat.completion"),
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answer.text, refusal: null },
        logprobs: answer.logprobs === undefined ? null : chatLogprobs(answer.logprobs),
        finish_reason: answer.reason,
      },
    ],
    usage: usageObject(answer.usage),
  };
}

/** The same as a stream: a chunk with the role, chunks with text, one with the reason, perhaps usage, `[DONE]`. */
export function chatStream(header: AnswerHeader, options: StreamOptions): FormatEvent {
  const parts = {
    head: openJson(common(header, "chat.completion.chunk")),
    opening: choice({ role: "assistant", content: "", refusal: null }, null),
    choice: ['{"index":0,"delta":{"content":', '},"logprobs":', ',"finish_reason":null}'] as const,
    logprobs: chatLogprobs,
    lastChoice: (reason: string) => choice({}, reason),
  };
  return streamOf(parts, options);
}

function common({ requestId, created, model }: AnswerHeader, object: string) {
  return { id: answerId("chatcmpl", requestId), object, created, model };
}

function choice(delta: object, reason: string | null): string {
  return JSON.stringify({ index: 0, delta, logprobs: null, finish_reason: reason });
}
