import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { BackendStatus } from "../../core/backend.ts";
import { systemClock } from "../../core/clock.ts";
import { vectorFromBase64, type EmbeddingRequest, type Embeddings } from "../../core/embedding.ts";
import { failure } from "../../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../../core/generation.ts";
import type { TextQuestion, TextReply } from "../../core/text-question.ts";
import type { EngineInfo } from "../../engine/engine.ts";
import type { Lease } from "../leased-stream.ts";
import { generationEventSchema, textReplySchema } from "../message-schemas.ts";
import type { Engines } from "../replicas.ts";
import { questionOf, type Asked, type Question } from "./question.ts";
import type { ModelFacts, RecordingFolder, Reply, Sayable } from "./recording-folder.ts";

const embeddingsSchema = z.object({ vectors: z.array(z.string()), promptTokens: z.int().nonnegative() });

const events: Sayable<GenerationEvent> = {
  schema: generationEventSchema,
  isEnd: ({ type }) => type === "finished",
};

export interface ReplayOptions {
  readonly folder: RecordingFolder;
  /** Events come when they came while it was recorded; else at once. */
  readonly timing: boolean;
}

/** When a question was asked, on the system's clock, and how long it may take. */
interface Asking {
  readonly begun: number;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
}

/** Says what a model said when it was recorded. What it was not asked then is refused: `not_recorded`. */
export class Replay implements Engines {
  readonly pids: readonly number[] = [];
  readonly #model: ModelFacts;
  readonly #options: ReplayOptions;

  constructor(model: ModelFacts, options: ReplayOptions) {
    this.#model = model;
    this.#options = options;
  }

  async ready(): Promise<void> {}

  status(): BackendStatus {
    return { state: "ready" };
  }

  get info(): EngineInfo {
    return this.#model.info;
  }

  reschedule(): void {} // nobody waits

  lease(): Lease {
    return { backend: this, release: () => {} };
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const { timeoutMs, prompt } = request;
    const asking = { begun: systemClock.now(), timeoutMs, signal };
    if (this.info.dimensions !== undefined) throw failure("only_embeddings", { model: this.#model.id });
    if (prompt.kind === "chat") this.#assertChatTemplate();
    for (const event of await this.#find("generate", request, events)) {
      await this.#until(event, asking);
      yield event.reply;
    }
  }

  async embed(request: EmbeddingRequest, signal: AbortSignal): Promise<Embeddings> {
    const asking = { begun: systemClock.now(), timeoutMs: request.timeoutMs, signal };
    if (this.info.dimensions === undefined) throw failure("no_embeddings", { model: this.#model.id });
    const { vectors, promptTokens } = await this.#one("embed", request, { schema: embeddingsSchema, asking });
    return { vectors: vectors.map(vectorFromBase64), promptTokens };
  }

  async ask(question: TextQuestion, signal: AbortSignal): Promise<TextReply> {
    const asking = { begun: systemClock.now(), timeoutMs: undefined, signal };
    if (question.kind === "render") this.#assertChatTemplate();
    return await this.#one("ask", question, { schema: textReplySchema, asking });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #assertChatTemplate(): void {
    const { id, hasChatTemplate } = this.#model;
    if (!hasChatTemplate) throw failure("no_chat_template", { model: id });
  }

  async #find<T>(kind: Question["kind"], asked: Asked, sayable: Sayable<T>) {
    return await this.#options.folder.read(questionOf(kind, this.#model.id, asked), sayable);
  }

  async #one<T>(
    kind: Question["kind"],
    asked: Asked,
    { schema, asking }: { readonly schema: z.ZodType<T>; readonly asking: Asking },
  ): Promise<T> {
    const [only] = await this.#find(kind, asked, { schema, isEnd: () => true });
    await this.#until(only, asking);
    return only.reply;
  }

  /** Resolves when it is time to say it. */
  async #until({ ms }: Reply<unknown>, { begun, timeoutMs = Infinity, signal }: Asking): Promise<void> {
    if (this.#options.timing) {
      const rest = begun + Math.min(ms, timeoutMs) - systemClock.now();
      if (rest > 0) await sleep(rest, undefined, { signal }).catch(() => {});
    }
    if (signal.aborted) throw failure("request_cancelled", undefined);
    if (this.#options.timing && ms > timeoutMs) throw failure("deadline_exceeded", { timeout: timeoutMs / 1000 });
  }
}
