import { parentPort } from "node:worker_threads";
import { toMillraceError } from "../core/errors.ts";
import { openVocabulary } from "../engine/open.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import { prepareRequest } from "../inference/prepare.ts";
import { prepareTexts } from "../inference/prepare-texts.ts";
import type { ServiceToText, TextAnswer, TextJob } from "./messages.ts";

// Renders templates and tokenizes, one job at a time. A template can loop for ever and a text can take seconds: the
// service worker ends this thread when it takes too long and starts another.

const service = parentPort!;
let vocabulary: Vocabulary;

service.on("message", (message: ServiceToText) => service.postMessage(receive(message)));

function receive(message: ServiceToText): TextAnswer {
  if (message.type === "job") return prepare(message.job);
  vocabulary = openVocabulary(message.handle);
  return { type: "started" };
}

function prepare(job: TextJob): TextAnswer {
  try {
    return { type: "prepared", tokens: tokensOf(job) };
  } catch (error) {
    const failed = toMillraceError(error);
    if (failed.code === "internal") console.error(error);
    return { type: "failed", error: failed.toBody() };
  }
}

function tokensOf(job: TextJob): Int32Array[] {
  if (job.type === "texts") return prepareTexts(job.request, vocabulary, job);
  return [prepareRequest(job.request, vocabulary, job.contextLength)];
}
