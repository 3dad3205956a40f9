import { readFileSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { dirname, join } from "node:path";

/**
 * Bytes that this process could still take without swapping or being killed: the smallest of the machine's free memory
 * and what each enclosing control group (v1 or v2) leaves. Page cache counts as free, as Linux counts it: a model file that
 * was just pulled and checked is all in it. `root` is where `/proc` and `/sys` are.
 */
export function availableMemory(root = "/"): number {
  const machine = fieldOf(read(join(root, "proc/meminfo")), "MemAvailable:");
  const groups = controlGroups(root)
    .map(leftInGroup)
    .filter((left) => left !== undefined);
  return Math.max(0, Math.min(machine === undefined ? freemem() : machine * 1024, ...groups));
}

/** Bytes that this process and its neighbours may take in all: of the machine, or of the tightest control group. */
export function memoryLimit(root = "/"): number {
  const machine = fieldOf(read(join(root, "proc/meminfo")), "MemTotal:");
  const groups = controlGroups(root)
    .map(limitOf)
    .filter((limit) => limit !== undefined);
  return Math.min(machine === undefined ? totalmem() : machine * 1024, ...groups);
}

interface ControlGroup {
  readonly folder: string;
  /** Above the second of version 2 processes are not killed but slowed down, without end. */
  readonly limits: readonly string[];
  readonly usage: string;
  /** Fields of `memory.stat`: page cache, that was not used for long and the rest of it. */
  readonly cache: readonly string[];
}

const version2 = {
  limits: ["memory.max", "memory.high"],
  usage: "memory.current",
  cache: ["inactive_file", "active_file"],
};
const version1 = {
  limits: ["memory.limit_in_bytes"],
  usage: "memory.usage_in_bytes",
  cache: ["total_inactive_file", "total_active_file"],
};

/** The process's groups and all above them: each may have a limit. Files that do not exist say nothing. */
function controlGroups(root: string): ControlGroup[] {
  const groups: ControlGroup[] = [];
  for (const line of (read(join(root, "proc/self/cgroup")) ?? "").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined || controllers === undefined) continue;
    const isVersion2 = controllers === "";
    if (!isVersion2 && !controllers.split(",").includes("memory")) continue;
    const mount = join(root, isVersion2 ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
    for (let group = path; ; group = dirname(group)) {
      groups.push({ folder: join(mount, group), ...(isVersion2 ? version2 : version1) });
      if (group === "/") break;
    }
  }
  return groups;
}

/** "max" is no limit; neither is version 1's 2^63 rounded to pages, which the machine's own memory undercuts. */
function limitOf({ folder, limits }: ControlGroup): number | undefined {
  const found = limits.flatMap((name) => numberIn(join(folder, name)) ?? []);
  return found.length === 0 ? undefined : Math.min(...found);
}

function leftInGroup(group: ControlGroup): number | undefined {
  const limit = limitOf(group);
  const usage = numberIn(join(group.folder, group.usage));
  if (limit === undefined || usage === undefined) return undefined;
  const stat = read(join(group.folder, "memory.stat"));
  return limit - usage + group.cache.reduce((sum, field) => sum + (fieldOf(stat, field) ?? 0), 0);
}

function numberIn(file: string): number | undefined {
  const number = Number.parseInt(read(file) ?? "", 10);
  return Number.isNaN(number) ? undefined : number;
}

function fieldOf(text: string | undefined, name: string): number | undefined {
  const line = text?.split("\n").find((line) => line.startsWith(`${name} `));
  return line === undefined ? undefined : Number.parseInt(line.slice(name.length), 10);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
