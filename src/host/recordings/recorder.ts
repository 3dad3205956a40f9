import type { Logger } from "pino";
import type { BackendStatus } from "../../core/backend.ts";
import { systemClock } from "../../core/clock.ts";
import { vectorToBase64, type EmbeddingRequest, type Embeddings } from "../../core/embedding.ts";
import type { GenerationEvent, GenerationRequest } from "../../core/generation.ts";
import type { Scheduling } from "../../core/scheduling.ts";
import type { TextQuestion, TextReply } from "../../core/text-question.ts";
import type { EngineInfo } from "../../engine/engine.ts";
import type { Lease } from "../leased-stream.ts";
import type { Engines } from "../replicas.ts";
import { questionOf, type Asked, type Question } from "./question.ts";
import { RecordingFolder, type ModelFacts, type Reply } from "./recording-folder.ts";

type RecordedModel = Omit<ModelFacts, "place" | "info">;

/** Writes what the models of a server answer into a folder. */
export class Recorder {
  readonly #folder: RecordingFolder;
  readonly #logger: Logger;
  readonly #places = new Map<string, number>();

  /** Throws `invalid_config` when the folder cannot be made. */
  constructor(path: string, logger: Logger) {
    this.#folder = new RecordingFolder(path);
    this.#folder.make();
    this.#logger = logger;
  }

  /** A model of the configuration, to be told in their order. */
  expect(id: string): void {
    if (!this.#places.has(id)) this.#places.set(id, this.#places.size);
  }

  /** The same engines, of a model that was expected; what they answer is written down. */
  around(engines: Engines, model: RecordedModel): Engines {
    return new RecordedEngines(engines, { model: { ...model, place: this.#places.get(model.id)! }, recorder: this });
  }

  async writeModel(facts: ModelFacts): Promise<void> {
    await this.#orLog(this.#folder.writeModel(facts));
  }

  async write(question: Question, replies: readonly Reply<object>[]): Promise<void> {
    await this.#orLog(this.#folder.write(question, replies));
  }

  /** An answer is given though it could not be recorded. */
  async #orLog(writing: Promise<void>): Promise<void> {
    await writing.catch((error: unknown) => this.#logger.error({ err: error }, "an answer could not be recorded"));
  }
}

interface Recording {
  readonly model: Omit<ModelFacts, "info">;
  readonly recorder: Recorder;
}

class RecordedEngines implements Engines {
  readonly #engines: Engines;
  readonly #recording: Recording;

  constructor(engines: Engines, recording: Recording) {
    this.#engines = engines;
    this.#recording = recording;
  }

  async ready(): Promise<void> {
    await this.#engines.ready();
    const { model, recorder } = this.#recording;
    await recorder.writeModel({ ...model, info: this.#engines.info! });
  }

  status(): BackendStatus {
    return this.#engines.status();
  }

  get pids(): readonly number[] {
    return this.#engines.pids;
  }

  get info(): EngineInfo | undefined {
    return this.#engines.info;
  }

  reschedule(scheduling: Scheduling): void {
    this.#engines.reschedule(scheduling);
  }

  lease(): Lease {
    const { backend, release } = this.#engines.lease();
    return { backend: new RecordedBackend(backend, this.#recording), release };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engines[Symbol.asyncDispose]();
  }
}

/** An answer is written when it is there as a whole, before its end is told: who has it finds it recorded. */
class RecordedBackend {
  readonly #backend: Lease["backend"];
  readonly #recording: Recording;

  constructor(backend: Lease["backend"], recording: Recording) {
    this.#backend = backend;
    this.#recording = recording;
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const begun = systemClock.now();
    const replies: Reply<GenerationEvent>[] = [];
    for await (const event of this.#backend.generate(request, signal)) {
      replies.push(timed(begun, event));
      if (event.type === "finished") await this.#write("generate", request, replies);
      yield event;
    }
  }

  async embed(request: EmbeddingRequest, signal: AbortSignal): Promise<Embeddings> {
    const begun = systemClock.now();
    const embeddings = await this.#backend.embed(request, signal);
    const reply = { ...embeddings, vectors: embeddings.vectors.map(vectorToBase64) };
    await this.#write("embed", request, [timed(begun, reply)]);
    return embeddings;
  }

  async ask(question: TextQuestion, signal: AbortSignal): Promise<TextReply> {
    const begun = systemClock.now();
    const reply = await this.#backend.ask(question, signal);
    await this.#write("ask", question, [timed(begun, reply)]);
    return reply;
  }

  async #write(kind: Question["kind"], asked: Asked, replies: readonly Reply<object>[]): Promise<void> {
    const { model, recorder } = this.#recording;
    await recorder.write(questionOf(kind, model.id, asked), replies);
  }
}

function timed<T>(begun: number, reply: T): Reply<T> {
  return { ms: Math.round(systemClock.now() - begun), reply };
}
