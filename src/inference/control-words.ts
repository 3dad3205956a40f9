import type { ChatPrompt } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";

const patterns = new WeakMap<Vocabulary, RegExp>();

/**
 * Messages and tools in which nothing can become a control token: `mark` stands behind the first character of each control
 * word ("<|im_start|>") that somebody wrote into one. The rendered text is cut at the marks and its parts are tokenized one by
 * one, so the word stays a text, wherever the template put it. `mark` is undefined when there was no such word.
 */
export function markControlWords(
  prompt: ChatPrompt,
  vocabulary: Vocabulary,
): { readonly prompt: ChatPrompt; readonly mark: string | undefined } {
  const pattern = controlWords(vocabulary);
  const texts: string[] = [];
  const collect = (text: string): string => (texts.push(text), text);
  const { messages, tools } = prompt;
  mapTexts({ messages, tools }, collect);
  if (!texts.some((text) => text.search(pattern) >= 0)) return { prompt, mark: undefined };
  const mark = markMissingIn(texts);
  const marked = mapTexts({ messages, tools }, (text) => text.replace(pattern, (character) => character + mark));
  return {
    prompt: { ...prompt, messages: marked.messages, ...(marked.tools && { tools: marked.tools }) },
    mark,
  };
}

/** The same with other texts, keys among them. */
function mapTexts<T>(value: T, change: (text: string) => string): T {
  const mapped = (one: unknown): unknown => {
    if (typeof one === "string") return change(one);
    if (Array.isArray(one)) return one.map(mapped);
    if (typeof one !== "object" || one === null) return one;
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [change(key), mapped(inner)]));
  };
  return mapped(value) as T;
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
