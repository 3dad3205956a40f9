import { memoryLimit } from "../model/available-memory.ts";
import { readIfThere } from "./cpu-quota.ts";
import type { MemoryAtEnd } from "./exit-in-words.ts";
import { residentBytes } from "./process-memory.ts";

/** Looks at the memory of a process now and then: when it is gone it is too late. */
export class MemoryWatch {
  readonly #pid: number | undefined;
  #resident: number | undefined;
  #outOfMemoryKills = outOfMemoryKills();

  constructor(pid: number | undefined) {
    this.#pid = pid;
  }

  look(): void {
    const resident = this.#pid === undefined ? undefined : residentBytes(this.#pid);
    if (resident === undefined) return;
    this.#resident = resident;
    this.#outOfMemoryKills = outOfMemoryKills();
  }

  /** To be called when the process has ended. */
  end(): MemoryAtEnd {
    const before = this.#outOfMemoryKills;
    const now = outOfMemoryKills();
    const ranOut = before === undefined || now === undefined ? undefined : now > before;
    return { resident: this.#resident, limit: memoryLimit(), ranOut };
  }
}

/** How many processes the system has killed because its memory, or that of a control group, ran out. */
function outOfMemoryKills(): number | undefined {
  const count = /^oom_kill (\d+)$/m.exec(readIfThere("/proc/vmstat") ?? "")?.[1];
  return count === undefined ? undefined : Number(count);
}
