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
import { completionLogprobs } from "./logprobs.ts";
import { timingsObject } from "./timings.ts";

/** The object that answers `POST /v1/completions`. */
export function formatCompletion(header: AnswerHeader, { choices, usage, timings }: WholeAnswer): object {
  return {
    ...common(header),
    choices: choices.map(({ text, reason, logprobs }, index) => ({
      text,
      index,
      logprobs: logprobs === undefined ? null : completionLogprobs(logprobs),
      finish_reason: reason,
    })),
    usage: usageObject(usage),
    ...(timings && { timings: timingsObject(usage, timings) }),
  };
}

/** The same as a stream: of each choice perhaps its prompt, chunks with text, one with the reason; perhaps usage, `[DONE]`. */
export function completionStream(header: AnswerHeader, options: StreamOptions): StreamFormat {
  const parts = {
    head: openJson(common(header)),
    opening: (index: number, echo?: string) =>
      echo === undefined ? "" : JSON.stringify({ text: echo, index, logprobs: null, finish_reason: null }),
    choice: (index: number) => ['{"text":', `,"index":${index},"logprobs":`, ',"finish_reason":null}'] as const,
    logprobs: completionLogprobs,
    silentChoice: (index: number, reason: string | null) =>
      JSON.stringify({ text: "", index, logprobs: null, finish_reason: reason }),
  };
  return streamOf(parts, options);
}

function common({ requestId, created, model }: AnswerHeader) {
  return { id: answerId("cmpl", requestId), object: "text_completion", created, model };
}
