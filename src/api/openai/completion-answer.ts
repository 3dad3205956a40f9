import {
  answerId,
  openJson,
  streamOf,
  usageObject,
  type AnswerHeader,
  type FormatEvent,
  type WholeAnswer,
} from "./answer.ts";

/** The object that answers `POST /v1/completions`. */
export function formatCompletion(header: AnswerHeader, answer: WholeAnswer): object {
  return {
    ...common(header),
    choices: [{ text: answer.text, index: 0, logprobs: null, finish_reason: answer.reason }],
    usage: usageObject(answer.usage),
  };
}

/** The same as a stream: chunks with text, one with the reason, perhaps usage, `[DONE]`. */
export function completionStream(header: AnswerHeader, includeUsage: boolean): FormatEvent {
  return streamOf({
    head: openJson(common(header)),
    opening: "",
    choice: ['{"text":', ',"index":0,"logprobs":null,"finish_reason":null}'],
    lastChoice: (reason) => JSON.stringify({ text: "", index: 0, logprobs: null, finish_reason: reason }),
    includeUsage,
  });
}

function common({ requestId, created, model }: AnswerHeader) {
  return { id: answerId("cmpl", requestId), object: "text_completion", created, model };
}
