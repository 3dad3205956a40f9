import {
  answerId,
  openJson,
  streamOf,
  usageObject,
  type AnswerHeader,
  type FormatEvent,
  type WholeAnswer,
} from "./answer.ts";

/** The object that answers `POST /v1/chat/completions`. */
export function formatChat(header: AnswerHeader, answer: WholeAnswer): object {
  return {
    ...common(header, "chat.completion"),
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answer.text, refusal: null },
        logprobs: null,
        finish_reason: answer.reason,
      },
    ],
    usage: usageObject(answer.usage),
  };
}

/** The same as a stream: a chunk with the role, chunks with text, one with the reason, perhaps usage, `[DONE]`. */
export function chatStream(header: AnswerHeader, includeUsage: boolean): FormatEvent {
  return streamOf({
    head: openJson(common(header, "chat.completion.chunk")),
    opening: choice({ role: "assistant", content: "", refusal: null }, null),
    choice: ['{"index":0,"delta":{"content":', '},"logprobs":null,"finish_reason":null}'],
    lastChoice: (reason) => choice({}, reason),
    includeUsage,
  });
}

function common({ requestId, created, model }: AnswerHeader, object: string) {
  return { id: answerId("chatcmpl", requestId), object, created, model };
}

function choice(delta: object, reason: string | null): string {
  return JSON.stringify({ index: 0, delta, logprobs: null, finish_reason: reason });
}
