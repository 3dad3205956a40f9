import type { TokenLogprobs } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import type { PromptScorer } from "../scheduler/sequence.ts";
import { Detokenizer } from "./detokenizer.ts";
import { placeLogprobs, tokenName } from "./logprobs.ts";

interface Wanted {
  /** How many of the likeliest tokens in each place. */
  readonly top: number;
  readonly vocabulary: Vocabulary;
}

/** All of them are told in one message, half a kilobyte each. */
export const mostScored = 16_384;

/** What the model made of a prompt: its text, and how likely each of its tokens was behind those before it. */
export class PromptScore {
  readonly #prompt: Int32Array;
  readonly #wanted: Wanted;
  readonly #detokenizer = new Detokenizer();
  readonly #places: TokenLogprobs[] = [];
  #text = "";

  constructor(prompt: Int32Array, wanted: Wanted) {
    this.#prompt = prompt;
    this.#wanted = wanted;
    const token = prompt[0]!;
    this.#note(token, { token, ...tokenName(token, wanted.vocabulary), logprob: null, top: [] });
  }

  readonly score: PromptScorer = (logits, position) => {
    const token = this.#prompt[position]!;
    this.#note(token, placeLogprobs(logits, token, this.#wanted));
  };

  /** When all of the prompt is computed. */
  get whole(): { readonly text: string; readonly logprobs: readonly TokenLogprobs[] } {
    return { text: this.#text + this.#detokenizer.flush(), logprobs: this.#places };
  }

  #note(token: number, place: Omit<TokenLogprobs, "begin">): void {
    this.#places.push({ ...place, begin: this.#detokenizer.length });
    this.#text += this.#detokenizer.push(this.#wanted.vocabulary.piece(token));
  }
}
