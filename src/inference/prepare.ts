import { failure } from "../core/errors.ts";
import type { ChatPrompt, GenerationRequest, Prompt } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import { renderChat, tokenText } from "./chat-template.ts";
import { markControlWords } from "./control-words.ts";
import { infillPrompt } from "./fill-in-the-middle.ts";
import { mostScored } from "./prompt-score.ts";
import { checkedIds, fewestTokens } from "./prompt-tokens.ts";

/**
 * The prompt of a request as tokens, at least one and fewer than `contextLength`, so that one more can be generated.
 * Throws MillraceError. May take long (a megabyte: seconds) or, with a hostile template, for ever: see host/text-worker.
 */
export function prepareRequest(request: GenerationRequest, vocabulary: Vocabulary, contextLength: number): Int32Array {
  checkBiases(request, vocabulary);
  const tokens = promptTokens(request, vocabulary, contextLength);
  const field = fieldOf(request.prompt);
  if (tokens.length === 0) {
    throw failure("invalid_value", { field, value: "empty", accepted: "at least one token" });
  }
  if (request.scorePrompt === true && tokens.length > mostScored)
    throw failure("invalid_value", {
      field: "prompt",
      value: `${tokens.length} tokens`,
      accepted: `up to ${mostScored} tokens where they are scored, with 'echo' and 'logprobs'`,
    });
  if (tokens.length >= contextLength) {
    throw failure("context_length_exceeded", { field, prompt: `${tokens.length}`, limit: contextLength });
  }
  return tokens;
}

function fieldOf({ kind }: Prompt): string {
  return kind === "chat" ? "messages" : "prompt";
}

function promptTokens({ prompt, model }: GenerationRequest, vocabulary: Vocabulary, contextLength: number): Int32Array {
  if (prompt.kind === "tokens") return checkedIds(prompt.ids, vocabulary, "prompt");
  if (prompt.kind === "text") {
    const { text, suffix } = prompt;
    refuseByBytes({ field: fieldOf(prompt), text: text + (suffix ?? "") }, vocabulary, contextLength);
    if (suffix !== undefined) return infillPrompt({ text, suffix }, vocabulary, model);
    return vocabulary.tokenize(text, { parseSpecial: false, addSpecial: true });
  }
  const field = fieldOf(prompt);
  refuseByBytes({ field, text: prompt.messages.map((message) => message.content).join("") }, vocabulary, contextLength);
  return chatTokens(prompt, vocabulary, { model, contextLength });
}

function checkBiases({ sampling }: GenerationRequest, { size }: Vocabulary): void {
  const wrong = sampling.logitBias.find(({ token }) => token >= size);
  if (wrong === undefined) return;
  const accepted = `token ids from 0 to ${size - 1}`;
  throw failure("invalid_value", { field: `logit_bias.${wrong.token}`, value: `${wrong.bias}`, accepted });
}

interface LongText {
  readonly field: string;
  readonly text: string;
}

function refuseByBytes({ field, text }: LongText, vocabulary: Vocabulary, contextLength: number): void {
  if (text.length < contextLength) return;
  const fewest = fewestTokens(text, vocabulary);
  if (fewest >= contextLength) {
    throw failure("context_length_exceeded", { field, prompt: `at least ${fewest}`, limit: contextLength });
  }
}

/**
 * The template's control tokens count, those that somebody wrote into a message do not: else a user could forge a
 * system turn. Only a text with such words is tokenized in parts, for a cut may change the tokens beside it.
 */
function chatTokens(
  prompt: ChatPrompt,
  vocabulary: Vocabulary,
  { model, contextLength }: { readonly model: string; readonly contextLength: number },
): Int32Array {
  const { prompt: marked, mark } = markControlWords(prompt, vocabulary);
  const rendered = renderChat(marked, vocabulary, model);
  // Beside the messages' text it has tools, calls and thoughts.
  const text = mark === undefined ? rendered : rendered.replaceAll(mark, "");
  refuseByBytes({ field: fieldOf(prompt), text }, vocabulary, contextLength);
  const bos = tokenText(vocabulary, vocabulary.bosToken);
  const addSpecial = bos === "" || !rendered.startsWith(bos);
  if (mark === undefined) return vocabulary.tokenize(rendered, { parseSpecial: true, addSpecial });
  const parts = rendered
    .split(mark)
    .map((text, part) => vocabulary.tokenize(text, { parseSpecial: true, addSpecial: addSpecial && part === 0 }));
  return Int32Array.from(parts.flatMap((part) => Array.from(part)));
}
