import type { ChatModel, OpenModel } from "./chat-model.ts";
import { Conversation } from "./conversation.ts";
import { timedAnswer, type Timing } from "./timed-answer.ts";

/** Where answers and remarks go. */
export interface ChatOutput {
  /** A piece of an answer. Waits until there is room for more. */
  answer(text: string): Promise<void>;
  /** Something beside the answers, on lines of its own. */
  remark(text: string): void;
  /** After a whole answer, or a part of one when it was stopped. */
  answered(timing: Timing, stopped: boolean): void;
}

/** A conversation with a model, which can be another one later. It owns the model. */
export class ChatSession implements AsyncDisposable {
  readonly conversation = new Conversation();
  readonly output: ChatOutput;
  readonly #open: OpenModel;
  #model: ChatModel;

  private constructor(model: ChatModel, open: OpenModel, output: ChatOutput) {
    this.#model = model;
    this.#open = open;
    this.output = output;
  }

  static async start(open: OpenModel, output: ChatOutput): Promise<ChatSession> {
    return new ChatSession(await open(undefined), open, output);
  }

  get modelId(): string {
    return this.#model.id;
  }

  /** The conversation goes on with another model; with the same one if that cannot be had. */
  async changeModel(name: string, signal: AbortSignal): Promise<void> {
    const next = await this.#open(name, signal);
    await this.#model[Symbol.asyncDispose]();
    this.#model = next;
  }

  /**
   * Streams the answer to a question. When `signal` aborts, what came until then is the answer. A question that failed is
   * no part of the conversation.
   */
  async ask(question: string, signal: AbortSignal): Promise<void> {
    const { conversation, output } = this;
    conversation.ask(question);
    const parts = this.#model.ask(conversation.messages, conversation.parameters, signal);
    const answer = timedAnswer(parts);
    let text = "";
    try {
      for await (const piece of answer.texts) {
        text += piece;
        await output.answer(piece);
      }
    } catch (error) {
      if (!signal.aborted) {
        conversation.takeBack();
        throw error;
      }
    }
    if (text === "" && signal.aborted) conversation.takeBack();
    else conversation.answer(text);
    output.answered(answer.timing(), signal.aborted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model[Symbol.asyncDispose]();
  }
}
