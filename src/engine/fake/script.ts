import type { FakeVocabulary } from "./fake-vocabulary.ts";

const latin1 = (text: string): string => Buffer.from(text).toString("latin1");

/**
 * Answers that are fixed: when the last user message contains what is asked, the answer follows the assistant's header
 * token by token, then the end. In a text without a chat the answer follows what is asked immediately.
 */
export class Script {
  readonly #vocabulary: FakeVocabulary;
  /** As bytes, since a token may end within a character. */
  readonly #replies: readonly { asked: string; answer: string }[];

  constructor(vocabulary: FakeVocabulary, replies: readonly (readonly [asked: string, answer: string])[]) {
    this.#vocabulary = vocabulary;
    this.#replies = replies.map(([asked, answer]) => ({
      asked: latin1(asked),
      answer: latin1(answer),
    }));
  }

  /** What the script wants after these tokens; undefined where it has nothing to say, or the answer has left it. */
  next(tokens: Int32Array): number | undefined {
    if (this.#replies.length === 0) return undefined;
    const header = tokens.lastIndexOf(this.#vocabulary.assistantToken);
    return header === -1 ? this.#afterText(tokens) : this.#afterHeader(tokens, header);
  }

  #afterText(tokens: Int32Array): number | undefined {
    const text = this.#vocabulary.bytesOf(tokens);
    for (const { asked, answer } of this.#replies) {
      const at = text.lastIndexOf(asked);
      const next = at === -1 ? undefined : this.#continue(answer, text.slice(at + asked.length));
      if (next !== undefined) return next;
    }
    return undefined;
  }

  #afterHeader(tokens: Int32Array, header: number): number | undefined {
    const question = tokens.subarray(tokens.lastIndexOf(this.#vocabulary.userToken, header) + 1, header);
    const text = this.#vocabulary.bytesOf(question);
    const begun = this.#vocabulary.bytesOf(tokens.subarray(header + 1));
    const reply = this.#replies.find(({ asked }) => text.includes(asked));
    const { answerStart } = this.#vocabulary;
    if (reply === undefined || !begun.startsWith(answerStart)) return undefined;
    return this.#continue(reply.answer, begun.slice(answerStart.length));
  }

  #continue(answer: string, begun: string): number | undefined {
    if (!answer.startsWith(begun)) return undefined;
    if (begun.length === answer.length) return this.#vocabulary.eosToken;
    return this.#vocabulary.longestAt(answer, begun.length);
  }
}
