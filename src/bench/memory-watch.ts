import { readdirSync } from "node:fs";
import { readIfThere } from "../host/cpu-quota.ts";
import { residentBytes } from "../host/process-memory.ts";

const watchMs = 500;

/**
 * Looks at the resident memory of a process and its descendants every half second, by Linux's /proc; elsewhere it sees
 * nothing. Pages that several of them map count for each.
 */
export class MemoryWatch implements Disposable {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #peak = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#look(), watchMs);
    this.#look();
  }

  /** The most that was seen, in bytes; undefined if nothing was. */
  peak(): number | undefined {
    this.#look();
    return this.#peak === 0 ? undefined : this.#peak;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.#peak = Math.max(this.#peak, residentBytesOfTree(this.#pid));
  }
}

/** Of the process and all that descend from it; 0 = there is no such process, or no /proc. */
export function residentBytesOfTree(pid: number): number {
  return processTree(pid).reduce((sum, one) => sum + (residentBytes(one) ?? 0), 0);
}

/** The process and all that descend from it. */
export function processTree(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(processTree)];
}

/** Each thread has the children that it started. */
function childrenOf(pid: number): number[] {
  const folder = `/proc/${pid}/task`;
  return list(folder).flatMap((thread) =>
    (readIfThere(`${folder}/${thread}/children`) ?? "").split(" ").filter(Boolean).map(Number),
  );
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // it has ended
  }
}
