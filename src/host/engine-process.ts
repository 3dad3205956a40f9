import { startWorker } from "./entry-point.ts";
import type { WorkerToMain } from "./messages.ts";
import { dieWithParent } from "./parent-death.ts";
import { Pulse } from "./pulse.ts";

// The engine process: `node engine-process.js PARENT-PID`, with the server at the other end of file descriptor 3.

dieWithParent(Number(process.argv[2]));
// Ctrl-C and service managers signal every process of a group; the server decides when its engines end.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const pulse = new Pulse();
const worker = startWorker("service-worker", { workerData: pulse.memory });
// What the worker says before anybody listens would be lost, and it may be the first to have its code.
const early: WorkerToMain[] = [];
const keep = (message: WorkerToMain): void => void early.push(message);
worker.on("message", keep);
// Loaded now: the worker loads its code at the same time.
const { StepThread } = await import("./step-thread.ts");
worker.off("message", keep);
new StepThread(worker, pulse).listen(early);
