// Worker of llama-engine.test.ts: tokenizes for ever, counting, and on a message answers with the tokens.
import { parentPort, workerData } from "node:worker_threads";
import { openVocabulary } from "../../src/engine/open.ts";
import type { VocabularyHandle } from "../../src/engine/vocabulary.ts";

const { handle, text, counter } = workerData as { handle: VocabularyHandle; text: string; counter: Int32Array };
const vocabulary = openVocabulary(handle);
const tokenize = () => vocabulary.tokenize(text, { parseSpecial: true, addSpecial: true });
parentPort!.once("message", () => parentPort!.postMessage(tokenize()));
parentPort!.postMessage("up");
setInterval(() => {
  tokenize();
  Atomics.add(counter, 0, 1);
}, 1);
