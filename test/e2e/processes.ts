import { readdirSync, readFileSync } from "node:fs";

/** Processes that descend from `pid`, by /proc. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      parents.set(Number(name), Number(fields[1]));
    } catch {
      // it has ended meanwhile
    }
  }
  const found: number[] = [];
  for (let last = [pid]; last.length > 0; found.push(...last)) {
    last = [...parents].filter(([, parent]) => last.includes(parent)).map(([child]) => child);
  }
  return found;
}

/** The process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
