import { join } from "node:path";
import { cpuGroups, readIfThere, type ReadFile } from "./cpu-quota.ts";

/** How often the kernel stopped this process's cgroup because its CPU quota was used up, since the cgroup was made. */
export interface CpuThrottling {
  readonly periods: number;
  /** Periods in which it was stopped. */
  readonly throttled: number;
}

/** Of the cgroup that was stopped most; undefined where the kernel counts nothing. */
export function cpuThrottling(readFile: ReadFile = readIfThere): CpuThrottling | undefined {
  const counts = cpuGroups(readFile).flatMap(
    ({ folder }) => parseCpuStat(readFile(join(folder, "cpu.stat")) ?? "") ?? [],
  );
  return counts.toSorted((a, b) => b.throttled - a.throttled)[0];
}

/** `cpu.stat` has the same two lines in both versions of cgroups; without a quota they are 0, or absent. */
function parseCpuStat(text: string): CpuThrottling | undefined {
  const periods = /^nr_periods (\d+)$/m.exec(text)?.[1];
  const throttled = /^nr_throttled (\d+)$/m.exec(text)?.[1];
  if (periods === undefined || throttled === undefined) return undefined;
  return { periods: Number(periods), throttled: Number(throttled) };
}
