import { parentPort } from "node:worker_threads";
import { toMillraceError } from "../core/errors.ts";
import { openVocabulary } from "../engine/open.ts";
import type { Vocabulary, VocabularyHandle } from "../engine/vocabulary.ts";
import { answerQuestion } from "../inference/answer-question.ts";
import { buildTokenTrie } from "../inference/constraint/token-trie.ts";
import { prepareRequest } from "../inference/prepare.ts";
import { prepareTexts } from "../inference/prepare-texts.ts";
import type { PrepareJob, ServiceToText, TextAnswer, TextJob } from "./messages.ts";

// Renders templates and tokenizes, one job at a time. A template can loop for ever and a text can take seconds: the
// service worker ends this thread when it takes too long and starts another.

const service = parentPort!;
let vocabulary: Vocabulary;
let handle: VocabularyHandle;
let hasTrie = false;

service.on("message", (message: ServiceToText) => tell(receive(message)));

function receive(message: ServiceToText): TextAnswer {
  if (message.type === "job") return answerTo(message.job);
  ({ handle } = message);
  vocabulary = openVocabulary(handle);
  return { type: "started" };
}

function answerTo(job: TextJob): TextAnswer {
  try {
    if (job.type === "ask") return { type: "answered", reply: answerQuestion(job.question, vocabulary) };
    return { type: "prepared", tokens: tokensOf(job) };
  } catch (error) {
    const failed = toMillraceError(error);
    if (failed.code === "internal") console.error(error);
    return { type: "failed", error: failed.toBody() };
  }
}

function tokensOf(job: PrepareJob): Int32Array[] {
  if (job.type === "texts") return prepareTexts(job.request, vocabulary, job);
  const { request, resume, contextLength } = job;
  if (request.constraint !== undefined) giveTrie();
  if (resume !== undefined) return [Int32Array.from(resume.promptTokens)];
  return [prepareRequest(request, vocabulary, contextLength)];
}

/** Once. Made of a vocabulary of its own, which would otherwise keep all pieces for ever. */
function giveTrie(): void {
  if (hasTrie) return;
  tell({ type: "trie", trie: buildTokenTrie(openVocabulary(handle)) });
  hasTrie = true;
}

function tell(answer: TextAnswer): void {
  service.postMessage(answer);
}
