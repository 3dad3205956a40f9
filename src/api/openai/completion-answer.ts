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
import { completionLogprobs } from "./logprobs.ts";

/** The object that answers `POST /v1/completions`. */
export function formatCompletion(header: AnswerHeader, answer: WholeAnswer): object {
  const logprobs = answer.logprobs === undefined ? null : completionLogprobs(answer.logprobs);
  return {
    ...common(header),
    choices: [{ text: answer.text, index: 0, logprobs, finish_reason: answer.reason }],
    usage: usageObject(answer.usage),
  };
}

/** The same as a stream: chunks with text, one with the reason, perhaps usage, `[DONE]`. */
export function completionStream(header: AnswerHeader, options: StreamOptions): FormatEvent {
  const parts = {
    head: openJson(common(header)),
    opening: "",
    choice: ['{"text":', ',"index":0,"logprobs":', ',"finish_reason":null}'] as const,
    logprobs: completionLogprobs,
    lastChoice: (reason: string) => JSON.stringify({ text: "", index: 0, logprobs: null, finish_reason: reason }),
  };
  return streamOf(parts, options);
}

function common({ requestId, created, model }: AnswerHeader) {
  return { id: answerId("cmpl", requestId), object: "text_completion", created, model };
}
