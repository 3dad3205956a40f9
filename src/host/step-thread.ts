import type { Worker } from "node:worker_threads";
import { toMillraceError } from "../core/errors.ts";
import type { Embedder } from "../engine/embedder.ts";
import { openEmbedder, openEngine } from "../engine/open.ts";
import type { Engine } from "../engine/engine.ts";
import { EmbeddingLoop, type EmbeddingLoopOptions } from "../inference/embedding-loop.ts";
import { Inference, type InferenceOptions } from "../inference/inference.ts";
import type { StepReport } from "../scheduler/step-loop.ts";
import type { EngineEvent, MainToWorker, WorkerToMain } from "./messages.ts";
import type { Pulse } from "./pulse.ts";
import { RunNotes } from "./run-notes.ts";

/**
 * The main thread of the engine process. It only steps: while it is inside native code nothing else happens on it, so
 * whatever must happen is done by the service worker.
 */
export class StepThread {
  readonly #worker: Worker;
  readonly #pulse: Pulse;
  readonly #closing = new AbortController();
  /** Whichever the plan is for. */
  #inference: Inference | undefined;
  #embedding: EmbeddingLoop | undefined;

  constructor(serviceWorker: Worker, pulse: Pulse) {
    this.#worker = serviceWorker;
    this.#pulse = pulse;
  }

  /** Does what the service worker says, and first what it has said already, until `close`; then the process ends. */
  listen(early: readonly WorkerToMain[]): void {
    this.#worker.on("message", (message: WorkerToMain) => this.#receive(message));
    this.#worker.on("messageerror", die);
    this.#worker.on("error", die);
    this.#worker.on("exit", () => die(new Error("the service worker has ended")));
    for (const message of early) this.#receive(message);
  }

  #receive(message: WorkerToMain): void {
    const work = this.#inference ?? this.#embedding;
    switch (message.type) {
      case "open":
        this.#open(message).catch(die);
        return;
      case "submit":
        return this.#inference?.submit(message.prepared, message.credit);
      case "embed":
        return this.#embedding?.submit(message.prepared);
      case "trie":
        return this.#inference?.useTrie(message.trie);
      case "cancel":
        return work?.cancel(message.id);
      case "credit":
        return work?.credit(message.id, message.tokens);
      case "threads":
        return work?.limitThreads(message.threads);
      case "schedule":
        return work?.reschedule(message.scheduling);
      case "close":
        this.#closing.abort();
        if (work === undefined) process.exit(0);
    }
  }

  /** Loads the model and steps until the server says `close`. */
  async #open({ spec, scheduling }: Extract<WorkerToMain, { type: "open" }>): Promise<void> {
    const pulse = this.#pulse;
    const onProgress = (fraction: number) => {
      pulse.progress = fraction;
    };
    let engine: Engine | Embedder;
    try {
      engine = spec.plan.task === "embed" ? openEmbedder(spec, onProgress) : openEngine(spec, onProgress);
    } catch (error) {
      const failed = toMillraceError(error);
      if (failed.code === "internal") console.error(error);
      return this.#tell({ type: "open-failed", error: failed.toBody() });
    }
    const notes = new RunNotes();
    const work = this.#start(engine, {
      scheduling,
      watch: {
        beginStep: (tokens) => {
          notes.write(work.running);
          pulse.beginStep(tokens);
        },
        endStep: () => pulse.endStep(),
      },
      onStep: (events: readonly EngineEvent[], report: StepReport | undefined) =>
        this.#tell({ type: "step", events, report }),
    });
    const { info, vocabularyHandle: vocabulary, abortFlag } = engine;
    this.#tell({ type: "opened", info, vocabulary, abortFlag });
    await work.run(this.#closing.signal);
    engine[Symbol.dispose]();
    process.exit(0);
  }

  #start(engine: Engine | Embedder, options: InferenceOptions & EmbeddingLoopOptions): Inference | EmbeddingLoop {
    if ("embed" in engine) return (this.#embedding = new EmbeddingLoop(engine, options));
    return (this.#inference = new Inference(engine, options));
  }

  #tell(message: MainToWorker): void {
    this.#worker.postMessage(message);
  }
}

/** Nothing here can be repaired: the server reads the reason from stderr and starts another process. */
function die(error: unknown): never {
  console.error(error);
  process.exit(1);
}
