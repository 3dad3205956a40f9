import type { Worker } from "node:worker_threads";
import { toMillraceError } from "../core/errors.ts";
import { openEngine } from "../engine/open.ts";
import type { Engine } from "../engine/engine.ts";
import { Inference } from "../inference/inference.ts";
import type { MainToWorker, WorkerToMain } from "./messages.ts";
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
  #inference: Inference | undefined;

  constructor(serviceWorker: Worker, pulse: Pulse) {
    this.#worker = serviceWorker;
    this.#pulse = pulse;
  }

  /** Does what the service worker says, until `close`; then the process ends. */
  listen(): void {
    this.#worker.on("message", (message: WorkerToMain) => this.#receive(message));
    this.#worker.on("error", die);
    this.#worker.on("exit", () => die(new Error("the service worker has ended")));
  }

  #receive(message: WorkerToMain): void {
    const inference = this.#inference;
    switch (message.type) {
      case "open":
        this.#open(message).catch(die);
        return;
      case "submit":
        return inference?.submit(message.prepared, message.credit);
      case "trie":
        return inference?.useTrie(message.trie);
      case "cancel":
        return inference?.cancel(message.id);
      case "credit":
        return inference?.credit(message.id, message.tokens);
      case "threads":
        return inference?.limitThreads(message.threads);
      case "schedule":
        return inference?.reschedule(message.scheduling);
      case "close":
        this.#closing.abort();
        if (inference === undefined) process.exit(0);
    }
  }

  /** Loads the model and steps until the server says `close`. */
  async #open({ spec, scheduling }: Extract<WorkerToMain, { type: "open" }>): Promise<void> {
    const pulse = this.#pulse;
    let engine: Engine;
    try {
      engine = openEngine(spec, (fraction) => {
        pulse.progress = fraction;
      });
    } catch (error) {
      const failed = toMillraceError(error);
      if (failed.code === "internal") console.error(error);
      return this.#tell({ type: "open-failed", error: failed.toBody() });
    }
    const notes = new RunNotes();
    const inference = new Inference(engine, {
      scheduling,
      watch: {
        beginStep: (tokens) => {
          notes.write(inference.running);
          pulse.beginStep(tokens);
        },
        endStep: () => pulse.endStep(),
      },
      onStep: (events, report) => this.#tell({ type: "step", events, report }),
    });
    this.#inference = inference;
    const { info, vocabularyHandle: vocabulary, abortFlag } = engine;
    this.#tell({ type: "opened", info, vocabulary, abortFlag });
    await inference.run(this.#closing.signal);
    engine[Symbol.dispose]();
    process.exit(0);
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
