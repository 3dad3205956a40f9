import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";

export interface CpuQuota {
  /** Threads that may run at once: at least 1, never more than this process may use of the machine. */
  readonly threads: number;
  /** Where the number comes from, for the log. */
  readonly why: string;
}

export type ReadFile = (path: string) => string | undefined;

/**
 * The cores that this process may really use: its affinity, capped by the CPU quota of its cgroups, rounded down. One
 * thread more than the quota and every barrier of a step waits for a throttled thread: 5-45 times slower.
 */
export function threadsForThisMachine(
  parallelism: number = availableParallelism(),
  readFile: ReadFile = readIfThere,
): CpuQuota {
  const quota = cpuQuota(readFile);
  if (quota === undefined || quota >= parallelism) {
    return { threads: parallelism, why: `${parallelism} CPUs are available and no quota is below that` };
  }
  const threads = Math.max(1, Math.floor(quota));
  return { threads, why: `the cgroup's quota is ${round(quota)} of ${parallelism} CPUs` };
}

/** The tightest CPU quota of any cgroup that this process is in, in cores; undefined = none. */
function cpuQuota(readFile: ReadFile): number | undefined {
  const quotas = cpuGroups(readFile).map(({ version, folder }) =>
    version === 2
      ? parseCpuMax(readFile(join(folder, "cpu.max")) ?? "")
      : parseCfsQuota(
          readFile(join(folder, "cpu.cfs_quota_us")) ?? "",
          readFile(join(folder, "cpu.cfs_period_us")) ?? "",
        ),
  );
  const set = quotas.filter((quota) => quota !== undefined);
  return set.length === 0 ? undefined : Math.min(...set);
}

/** Folders of the cgroups that this process's CPU time is counted in, and of all above them; not each of them exists. */
export function cpuGroups(readFile: ReadFile): { version: 1 | 2; folder: string }[] {
  return parseCgroups(readFile("/proc/self/cgroup") ?? "").flatMap(({ controllers, path }) => {
    const version = controllers.length === 0 ? 2 : 1;
    if (version === 1 && !controllers.includes("cpu")) return [];
    const roots =
      version === 2
        ? ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        : ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"];
    return upwards(roots, path).map((folder) => ({ version, folder }) as const);
  });
}

/** The lines `id:controllers:path` of /proc/self/cgroup. Version 2 names no controllers. */
export function parseCgroups(text: string): { controllers: string[]; path: string }[] {
  return text.split("\n").flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return controllers === undefined || path === undefined
      ? []
      : [{ controllers: controllers.split(",").filter((name) => name !== ""), path }];
  });
}

/** Version 2, `cpu.max`: "QUOTA PERIOD" in microseconds, or "max PERIOD". */
export function parseCpuMax(text: string): number | undefined {
  const [quota, period] = text.trim().split(/\s+/);
  return quota === "max" ? undefined : ratio(quota, period ?? "100000");
}

/** Version 1: `cpu.cfs_quota_us` (-1 = none) over `cpu.cfs_period_us`. */
export function parseCfsQuota(quota: string, period: string): number | undefined {
  return ratio(quota.trim(), period.trim());
}

function ratio(quota: string | undefined, period: string | undefined): number | undefined {
  const cores = Number(quota) / Number(period);
  return Number.isFinite(cores) && cores > 0 ? cores : undefined;
}

/**
 * Every folder from `path` up to each root, the root too: inside a container the path is the host's, and the
 * container's own cgroup is mounted as the root.
 */
function upwards(roots: readonly string[], path: string): string[] {
  const paths: string[] = [];
  for (let at = join("/", path); ; at = dirname(at)) {
    paths.push(at);
    if (at === "/") break;
  }
  return roots.flatMap((root) => paths.map((at) => join(root, at)));
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function round(cores: number): number {
  return Math.round(cores * 100) / 100;
}
