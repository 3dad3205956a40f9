import { parentPort } from "node:worker_threads";
import { toMillraceError } from "../core/errors.ts";
import { openVocabulary } from "../engine/open.ts";
import type { Vocabulary, VocabularyHandle } from "../engine/vocabulary.ts";
import { buildTokenTrie } from "../inference/constraint/token-trie.ts";
import { prepareRequest } from "../inference/prepare.ts";
import type { ServiceToText, TextAnswer, TextJob } from "./messages.ts";

// Renders templates and tokenizes, one job at a time. A template can loop for ever and a text can take seconds: the
// service worker ends this thread when it takes too long and starts another.

const service = parentPort!;
let vocabulary: Vocabulary;
let handle: VocabularyHandle;
let hasTrie = false;

service.on("message", (message: ServiceToText) => tell(receive(message)));

function receive(message: ServiceToText): TextAnswer {
  if (message.type === "job") return prepare(message.job);
  ({ handle } = message);
  vocabulary = openVocabulary(handle);
  return { type: "started" };
}

function prepare({ request, contextLength, resume }: TextJob): TextAnswer {
  try {
    if (request.constraint !== undefined) giveTrie();
    if (resume !== undefined) return { type: "prepared", promptTokens: Int32Array.from(resume.promptTokens) };
    return { type: "prepared", promptTokens: prepareRequest(request, vocabulary, contextLength) };
  } catch (error) {
    const failed = toMillraceError(error);
    if (failed.code === "internal") console.error(error);
    return { type: "failed", error: failed.toBody() };
  }
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
