import { startWorker } from "./entry-point.ts";
import { dieWithParent } from "./parent-death.ts";
import { Pulse } from "./pulse.ts";

// The engine process: `node engine-process.js PARENT-PID`, with the server at the other end of file descriptor 3.

dieWithParent(Number(process.argv[2]));
// Ctrl-C and service managers signal every process of a group; the server decides when its engines end.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const pulse = new Pulse();
const worker = startWorker("service-worker", { workerData: pulse.memory });
// Loaded now: the worker loads its code at the same time.
const { StepThread } = await import("./step-thread.ts");
new StepThread(worker, pulse).listen();
