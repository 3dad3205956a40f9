import type { GenerationEvent, TokenLogprobs, TokenProbability } from "../../core/generation.ts";

/** Most tokens per place that can be asked for: of chats, and of completions. */
export const mostTop = { chat: 20, completion: 5 } as const;

/** A token of an answer's text. */
export interface PlacedLogprobs extends TokenLogprobs {
  /** Where its text begins in the answer's, in characters, as Python counts them. */
  readonly offset: number;
}

/**
 * The tokens of an answer as its text comes: a token is part of the answer if its text begins before the answer's end.
 * So one whose text is held back, for it may be a stop string's, comes with its text or not at all. Of a prompt that is
 * scored all tokens are told, and behind it the one that ends the answer as well: evaluations count on it.
 */
export class AnswerLogprobs {
  #held: readonly TokenLogprobs[] = [];
  #isScored = false;
  /** Of the text so far: UTF-16 units and characters. */
  #units = 0;
  #characters = 0;

  /** Those whose text begins in this event's. */
  take({ text, logprobs = [], ofPrompt }: Extract<GenerationEvent, { type: "text-delta" }>): PlacedLogprobs[] {
    this.#isScored ||= ofPrompt === true;
    const held = [...this.#held, ...logprobs];
    const end = this.#units + text.length;
    const here = ofPrompt === true ? held : held.filter(({ begin }) => begin < end);
    this.#held = held.slice(here.length);
    let [units, characters] = [0, this.#characters];
    const placed = here.map((entry) => {
      const before = text.slice(units, Math.max(units, entry.begin - this.#units));
      units += before.length;
      characters += charactersIn(before);
      return { ...entry, offset: characters };
    });
    this.#units = end;
    this.#characters = characters + charactersIn(text.slice(units));
    return placed;
  }

  /** At its end: what is still to be told. */
  rest(): PlacedLogprobs[] {
    const left = this.#isScored ? this.#held.filter(({ isControl }) => isControl) : [];
    this.#held = [];
    return left.map((entry) => ({ ...entry, offset: this.#characters }));
  }
}

/** Where the text of a token ends in the answer's, in UTF-16 units; about there if it is a part of a character. */
export function endOf({ begin, bytes, isControl }: TokenLogprobs): number {
  return isControl ? begin : begin + Buffer.from(bytes).toString().length;
}

/** Beside the text of a chat's answer, or of a part of it. */
export function chatLogprobs(tokens: readonly PlacedLogprobs[]): object {
  const content = tokens.map((token) => ({ ...chatToken(token), top_logprobs: token.top.map(chatToken) }));
  return { content, refusal: null };
}

/** The same of a completion. Beside the likeliest tokens stands the one that was chosen, if it is none of them. */
export function completionLogprobs(tokens: readonly PlacedLogprobs[]): object {
  return {
    tokens: tokens.map(({ bytes }) => completionToken(bytes)),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(byToken),
    text_offset: tokens.map(({ offset }) => offset),
  };
}

function chatToken({ bytes, isControl, logprob }: TokenProbability | PlacedLogprobs): object {
  return { token: readable(bytes) ?? escaped(bytes), logprob, bytes: isControl ? null : bytes };
}

const completionToken = (bytes: readonly number[]): string => readable(bytes) ?? `bytes:${escaped(bytes)}`;

/** Of several tokens with the same text the likeliest counts. Of a prompt's first there is nothing to tell. */
function byToken(token: PlacedLogprobs): object | null {
  if (token.logprob === null) return null;
  const found = new Map<string, number | null>();
  for (const { bytes, logprob } of [...token.top, token]) {
    const text = completionToken(bytes);
    if (!found.has(text)) found.set(text, logprob);
  }
  return Object.fromEntries(found); // unlike an assignment it can set "__proto__"
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Undefined of bytes that are no whole characters. */
function readable(bytes: readonly number[]): string | undefined {
  try {
    return decoder.decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}

/** `\\xf0\\x9f`, as OpenAI writes parts of characters. */
const escaped = (bytes: readonly number[]): string =>
  bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");

const charactersIn = (text: string): number => Array.from(text).length;
