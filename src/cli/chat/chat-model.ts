import type { ChatMessage } from "../../core/generation.ts";
import type { ChatParameters } from "./parameters.ts";

/** What of an answer has arrived. `tokens` is undefined where the other side does not tell. */
export interface AnswerPart {
  readonly text: string;
  /** Tokens of the answer so far, this part's among them. */
  readonly tokens: number | undefined;
}

/** A model to talk to, in this process or behind a server. */
export interface ChatModel extends AsyncDisposable {
  readonly id: string;
  /** Streams the answer to `messages`. Throws when it fails, and when `signal` aborts. */
  ask(messages: readonly ChatMessage[], parameters: ChatParameters, signal: AbortSignal): AsyncIterable<AnswerPart>;
}

/**
 * Opens the model of that name; undefined = the one that was asked for at the start, or the server's first. When `signal`
 * aborts, its reason is thrown.
 */
export type OpenModel = (name: string | undefined, signal?: AbortSignal) => Promise<ChatModel>;
