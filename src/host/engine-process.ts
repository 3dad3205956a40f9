import { toMillraceError } from "../core/errors.ts";
import { openEngine } from "../engine/open.ts";
import type { Engine } from "../engine/engine.ts";
import { Inference } from "../inference/inference.ts";
import { startWorker } from "./entry-point.ts";
import type { MainToWorker, WorkerToMain } from "./messages.ts";
import { dieWithParent } from "./parent-death.ts";
import { Pulse } from "./pulse.ts";
import { RunNotes } from "./run-notes.ts";

// The engine process: `node engine-process.js PARENT-PID`, with the server at the other end of file descriptor 3.
// This thread only steps. While it is inside native code nothing else happens on it; whatever must happen is done by the
// service worker.

dieWithParent(Number(process.argv[2]));
// Ctrl-C and service managers signal every process of a group; the server decides when its engines end.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const pulse = new Pulse();
const worker = startWorker("service-worker", { workerData: pulse.memory });
const closing = new AbortController();
let inference: Inference | undefined;

worker.on("message", (message: WorkerToMain) => receive(message));
worker.on("error", (error) => die(error));
worker.on("exit", () => die(new Error("the service worker has ended")));

function receive(message: WorkerToMain): void {
  switch (message.type) {
    case "open":
      open(message).catch(die);
      return;
    case "submit":
      return inference?.submit(message.prepared, message.credit);
    case "cancel":
      return inference?.cancel(message.id);
    case "credit":
      return inference?.credit(message.id, message.tokens);
    case "threads":
      return inference?.limitThreads(message.threads);
    case "close":
      closing.abort();
      if (inference === undefined) process.exit(0);
  }
}

/** Loads the model and steps until the server says `close`. */
async function open({ spec, scheduling }: Extract<WorkerToMain, { type: "open" }>): Promise<void> {
  let engine: Engine;
  try {
    engine = openEngine(spec, (fraction) => {
      pulse.progress = fraction;
    });
  } catch (error) {
    const failed = toMillraceError(error);
    if (failed.code === "internal") console.error(error);
    return tell({ type: "open-failed", error: failed.toBody() });
  }
  const notes = new RunNotes();
  const running = new Inference(engine, {
    scheduling,
    watch: {
      beginStep: (tokens) => {
        notes.write(running.running);
        pulse.beginStep(tokens);
      },
      endStep: () => pulse.endStep(),
    },
    onStep: (events, report) => tell({ type: "step", events, report }),
  });
  inference = running;
  tell({ type: "opened", info: engine.info, vocabulary: engine.vocabularyHandle, abortFlag: engine.abortFlag });
  await running.run(closing.signal);
  engine[Symbol.dispose]();
  process.exit(0);
}

function tell(message: MainToWorker): void {
  worker.postMessage(message);
}

/** Nothing here can be repaired: the server reads the reason from stderr and starts another process. */
function die(error: unknown): never {
  console.error(error);
  process.exit(1);
}
