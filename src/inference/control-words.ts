import type { ChatMessage } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";

const patterns = new WeakMap<Vocabulary, RegExp>();

/**
 * Messages in which nothing can become a control token: `mark` stands behind the first character of each control word
 * ("<|im_start|>") that somebody wrote into one. The rendered text is cut at the marks and its parts are tokenized one by
 * one, so the word stays a text, wherever the template put it. `mark` is undefined when there was no such word.
 */
export function markControlWords(
  messages: readonly ChatMessage[],
  vocabulary: Vocabulary,
): { readonly messages: readonly ChatMessage[]; readonly mark: string | undefined } {
  const pattern = controlWords(vocabulary);
  const texts = messages.flatMap((message) => Object.values(message));
  if (!texts.some((text) => text.search(pattern) >= 0)) return { messages, mark: undefined };
  const mark = markMissingIn(texts);
  const marked = (text: string): string => text.replace(pattern, (character) => character + mark);
  return {
    messages: messages.map(({ role, content, name, reasoning_content }) => ({
      role: marked(role),
      content: marked(content),
      ...(name !== undefined && { name: marked(name) }),
      ...(reasoning_content !== undefined && { reasoning_content: marked(reasoning_content) }),
    })),
    mark,
  };
}

/** Finds the first character of each control word, also where two overlap. */
function controlWords(vocabulary: Vocabulary): RegExp {
  const known = patterns.get(vocabulary);
  if (known !== undefined) return known;
  const words: string[] = [];
  for (const token of vocabulary.controlTokens) {
    const word = Buffer.from(vocabulary.piece(token, true)).toString();
    if (word.length > 1) words.push(word.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)); // one character cannot be cut
  }
  const pattern = words.length === 0 ? /(?!)/gu : new RegExp(`(?=${words.join("|")}).`, "gsu");
  patterns.set(vocabulary, pattern);
  return pattern;
}

/** Begins with a character that nothing else of it is, so that it is found only where it was put. */
function markMissingIn(texts: readonly string[]): string {
  for (let number = 0; ; number++) {
    const mark = `\uFDD0${number}\uFDD1`; // noncharacters: no text should have them, but one may
    if (!texts.some((text) => text.includes(mark))) return mark;
  }
}
