import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { getPriority, setPriority } from "node:os";
import { childEnvironment } from "./child-environment.ts";
import { entryArguments } from "./entry-point.ts";

/** Was started before anybody knew what for. */
let spare: ChildProcess | undefined;

/** Starts a process for the next engine: its code loads while this process reads its configuration. */
export function prepareEngine(): void {
  spare ??= startProcess();
  for (const handle of handlesOf(spare)) handle.unref(); // whoever ends without an engine does not wait for it
}

/** An engine process that waits for `open` on its file descriptor 3, and tells what it runs on 4 (run-notes.ts). */
export function spawnEngine(): ChildProcess {
  const prepared = spare;
  spare = undefined;
  if (prepared === undefined || prepared.exitCode !== null || prepared.signalCode !== null) return startProcess();
  for (const handle of handlesOf(prepared)) handle.ref();
  return prepared;
}

/** For a server that turns out to need none. */
export function endSpareEngine(): void {
  spare?.kill("SIGKILL"); // all weaker signals it ignores
  spare = undefined;
}

/** What keeps this process alive while the child lives. */
function handlesOf(child: ChildProcess): readonly (ChildProcess | Socket)[] {
  return [child, ...child.stdio.filter((pipe) => pipe !== null).map((pipe) => pipe as Socket)];
}

function startProcess(): ChildProcess {
  const child = spawn(process.execPath, [...entryArguments("engine-process"), `${process.pid}`], {
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
    env: childEnvironment(process.env),
    windowsHide: true,
  });
  if (child.pid !== undefined && getPriority() > 0) raisePriority(child.pid);
  return child;
}

/**
 * The server may have lowered its own priority below its engines', and a child inherits that. Root gets it back; without
 * the right to, an engine that is started again runs as low as the server does: slower only beside other busy programs.
 */
function raisePriority(pid: number): void {
  try {
    setPriority(pid, 0);
  } catch {
    // Not permitted, or the process is already gone: its end is told by its own event.
  }
}
