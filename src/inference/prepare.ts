import { failure } from "../core/errors.ts";
import type { ChatMessage, GenerationRequest } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import { renderChat, tokenText } from "./chat-template.ts";

/**
 * The prompt of a request as tokens, at least one and fewer than `contextLength`, so that one more can be generated.
 * Throws MillraceError. May take long (a megabyte: seconds) or, with a hostile template, for ever: see host/text-worker.
 */
export function prepareRequest(request: GenerationRequest, vocabulary: Vocabulary, contextLength: number): Int32Array {
  const tokens = promptTokens(request, vocabulary, contextLength);
  if (tokens.length === 0) {
    throw failure("invalid_value", { field: "prompt", value: "empty", accepted: "at least one token" });
  }
  if (tokens.length >= contextLength) {
    throw failure("context_length_exceeded", { prompt: `${tokens.length}`, limit: contextLength });
  }
  return tokens;
}

function promptTokens({ prompt, model }: GenerationRequest, vocabulary: Vocabulary, contextLength: number): Int32Array {
  switch (prompt.kind) {
    case "tokens":
      return checkedIds(prompt.ids, vocabulary);
    case "text":
      refuseByBytes(prompt.text, vocabulary, contextLength);
      return vocabulary.tokenize(prompt.text, { parseSpecial: false, addSpecial: true });
    case "chat": {
      const contents = prompt.messages.map((message) => message.content).join("");
      refuseByBytes(contents, vocabulary, contextLength);
      return chatTokens(renderChat(prompt.messages, vocabulary, model), prompt.messages, vocabulary);
    }
  }
}

function checkedIds(ids: readonly number[], vocabulary: Vocabulary): Int32Array {
  const index = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary.size));
  if (index < 0) return Int32Array.from(ids);
  const accepted = `token ids from 0 to ${vocabulary.size - 1}`;
  throw failure("invalid_value", { field: `prompt[${index}]`, value: `${ids[index]}`, accepted });
}

/** No token has more bytes than the longest piece, so a text too long to fit is known without tokenizing it. */
function refuseByBytes(text: string, vocabulary: Vocabulary, contextLength: number): void {
  if (text.length < contextLength) return;
  const fewest = Math.ceil(Buffer.byteLength(text) / vocabulary.maxPieceBytes);
  if (fewest >= contextLength) {
    throw failure("context_length_exceeded", { prompt: `at least ${fewest}`, limit: contextLength });
  }
}

/**
 * The template's control tokens count, those that somebody wrote into a message do not: else a user could forge a
 * system turn. Only a text with such words is tokenized in parts, for a cut may change the tokens beside it.
 */
function chatTokens(rendered: string, messages: readonly ChatMessage[], vocabulary: Vocabulary): Int32Array {
  const bos = tokenText(vocabulary, vocabulary.bosToken);
  const addSpecial = bos === "" || !rendered.startsWith(bos);
  const forged = messages.filter((message) => hasControlTokens(message.content, vocabulary));
  if (forged.length === 0) return vocabulary.tokenize(rendered, { parseSpecial: true, addSpecial });

  const parts: Int32Array[] = [];
  let position = 0;
  const append = (end: number, parseSpecial: boolean): void => {
    const text = rendered.slice(position, end);
    parts.push(
      vocabulary.tokenize(text, { parseSpecial, addSpecial: addSpecial && position === 0 && parts.length === 0 }),
    );
    position = end;
  };
  for (const { content } of forged) {
    const text = content.trim(); // as much of it as any template keeps
    const begin = rendered.indexOf(text, position);
    if (begin < 0) {
      throw failure("template_failed", { problem: "a message contains control tokens and the template rewrites it" });
    }
    append(begin, true);
    append(begin + text.length, false);
  }
  append(rendered.length, true);
  return Int32Array.from(parts.flatMap((part) => Array.from(part)));
}

function hasControlTokens(text: string, vocabulary: Vocabulary): boolean {
  const plain = vocabulary.tokenize(text, { parseSpecial: false, addSpecial: false });
  const parsed = vocabulary.tokenize(text, { parseSpecial: true, addSpecial: false });
  return plain.length !== parsed.length || plain.some((token, index) => token !== parsed[index]);
}
