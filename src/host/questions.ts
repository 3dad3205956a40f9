import { MillraceError, type ErrorBody } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { TextQuestion, TextReply } from "../core/text-question.ts";
import type { HostMessage } from "./messages.ts";

interface Asker {
  readonly resolve: (reply: TextReply) => void;
  readonly reject: (error: Error) => void;
}

/** The questions that an engine process was asked and has not answered. They do not outlive it. */
export class Questions {
  readonly #askers = new Map<string, Asker>();

  /** Rejects with a MillraceError. */
  ask(question: TextQuestion, send: (message: HostMessage) => void): Promise<TextReply> {
    const id = newId("ask");
    return new Promise((resolve, reject) => {
      this.#askers.set(id, { resolve, reject });
      send({ type: "ask", id, question });
    });
  }

  answer(id: string, reply: TextReply): void {
    this.#askers.get(id)?.resolve(reply);
    this.#askers.delete(id);
  }

  /** False = it is none of these. */
  fail(id: string, error: ErrorBody): boolean {
    this.#askers.get(id)?.reject(new MillraceError(error));
    return this.#askers.delete(id);
  }

  failAll(error: MillraceError): void {
    for (const { reject } of this.#askers.values()) reject(error);
    this.#askers.clear();
  }
}
