import type { Config } from "../../config/schema.ts";
import type { Backend } from "../../core/backend.ts";
import type { ChatMessage } from "../../core/generation.ts";
import { generationRequest } from "../generation-request.ts";
import { pulling } from "../pulling.ts";
import type { AnswerPart, ChatModel } from "./chat-model.ts";
import type { ChatParameters } from "./parameters.ts";

/** A model in this process; pulled first if it is not here. */
export async function openEmbedded(config: Config, signal?: AbortSignal): Promise<ChatModel> {
  const { openLocal } = await import("../../app.ts");
  return new EmbeddedModel(await pulling((pull) => openLocal(config, pull), { signal }));
}

class EmbeddedModel implements ChatModel {
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get id(): string {
    return this.#backend.model.id;
  }

  async *ask(
    messages: readonly ChatMessage[],
    parameters: ChatParameters,
    signal: AbortSignal,
  ): AsyncGenerator<AnswerPart> {
    const request = generationRequest(this.id, { kind: "chat", messages }, parameters);
    let tokens = 0;
    for await (const event of this.#backend.generate(request, signal)) {
      if (event.type !== "text-delta") continue;
      tokens += event.tokens.length;
      yield { text: event.text, tokens };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#backend[Symbol.asyncDispose]();
  }
}
