import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../core/clock.ts";
import { Channel } from "./channel.ts";
import { startWorker } from "./entry-point.ts";
import { parseHostMessage } from "./message-schemas.ts";
import type {
  EmbeddingSubmission,
  EngineMessage,
  HostMessage,
  MainToWorker,
  Submission,
  WorkerToMain,
} from "./messages.ts";
import { Pulse } from "./pulse.ts";
import { idOf, TextJobs, textLimits } from "./text-jobs.ts";

// What the engine process does beside stepping: messages from and to the server, heartbeat, aborts, preparing requests.
// Nothing on this thread may take long, and it must work while the main thread is inside native code.

const heartbeatMs = 500;
const progressMs = 100;
const textWorkerHeapMb = 512;

type Opened = Extract<MainToWorker, { type: "opened" }>;

const main = parentPort!;
const pulse = new Pulse(workerData as SharedArrayBuffer);
let engine: Opened | undefined;

const textJobs = new TextJobs({
  limits: textLimits,
  startWorker: () => startWorker("text-worker", { resourceLimits: { maxOldGenerationSizeMb: textWorkerHeapMb } }),
  onTrie: (trie) => tellMain({ type: "trie", trie }),
  onPrepared: (job, tokens) => {
    const waitedMs = systemClock.now() - job.arrived;
    if (job.type === "texts") {
      const { request, credit, again } = job;
      channel.send({ type: "step", events: [{ id: request.id, event: { type: "prepared" } }] });
      return tellMain({ type: "embed", prepared: { request, texts: tokens, credit, waitedMs, again } });
    }
    const { request, credit, resume } = job;
    const sent = resume && Int32Array.from(resume.tokens);
    tellMain({ type: "submit", prepared: { request, promptTokens: tokens[0]!, sent, waitedMs }, credit });
  },
  onAnswered: ({ id }, reply) => channel.send({ type: "reply", id, reply }),
  onFailed: (job, error) => channel.send({ type: "request-failed", id: idOf(job), error }),
});

const channel = new Channel<HostMessage, EngineMessage>(new Socket({ fd: 3, readable: true, writable: true }), {
  parse: parseHostMessage,
  onMessage: receive,
  onEnd: (error) => {
    if (error !== undefined) writeSync(2, `Error on the channel from the server: ${error.message}\n`);
    process.kill(process.pid, "SIGKILL"); // the main thread may be in native code and could not exit
  },
});

main.on("message", (message: MainToWorker) => (message.type === "opened" ? onOpened(message) : channel.send(message)));
setInterval(() => channel.send({ type: "heartbeat", pulse: pulse.read() }), heartbeatMs);
let progressTold = -1;
const progressTimer = setInterval(tellProgress, progressMs);

function receive(message: HostMessage): void {
  switch (message.type) {
    case "open":
      return tellMain(message);
    case "submit":
      return submit(message);
    case "embed":
      return embed(message);
    case "ask":
      return textJobs.add(message);
    case "cancel":
      if (!textJobs.drop(message.id)) tellMain(message);
      return;
    case "credit":
    case "threads":
    case "schedule":
      return tellMain(message);
    case "abort-step":
      return abortStep();
    case "close":
      void close();
  }
}

function submit({ request, credit, waitedMs, resume }: Submission): void {
  if (engine === undefined) throw new Error("a request came before the engine was ready");
  if (resume === undefined || request.constraint !== undefined) {
    const arrived = systemClock.now() - waitedMs;
    const { contextPerSlot: contextLength } = engine.info;
    return textJobs.add({ type: "prompt", request, resume, credit, contextLength, arrived });
  }
  const promptTokens = Int32Array.from(resume.promptTokens);
  const sent = Int32Array.from(resume.tokens);
  tellMain({ type: "submit", prepared: { request, promptTokens, sent, waitedMs }, credit });
}

function embed({ request, credit, waitedMs, again }: EmbeddingSubmission): void {
  const { contextPerSlot: contextLength, dimensions } = engine?.info ?? {};
  if (contextLength === undefined || dimensions === undefined)
    throw new Error("texts came for an engine that makes no vectors");
  const arrived = systemClock.now() - waitedMs;
  textJobs.add({ type: "texts", request, credit, contextLength, dimensions, again, arrived });
}

function onOpened(opened: Opened): void {
  engine = opened;
  clearInterval(progressTimer);
  textJobs.open(opened.vocabulary);
  channel.send({ type: "ready", info: opened.info });
}

function tellProgress(): void {
  if (pulse.progress === progressTold) return;
  progressTold = pulse.progress;
  channel.send({ type: "loading", progress: progressTold });
}

function abortStep(): void {
  if (engine !== undefined) Atomics.store(engine.abortFlag, 0, 1);
}

/** First the thread that reads the vocabulary, then the one that frees it. */
async function close(): Promise<void> {
  await textJobs.close();
  abortStep();
  tellMain({ type: "close" });
}

function tellMain(message: WorkerToMain): void {
  main.postMessage(message);
}
