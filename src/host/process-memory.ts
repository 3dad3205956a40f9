import { readIfThere } from "./cpu-quota.ts";

/** What a group of processes holds, in bytes. */
export interface MemoryHeld {
  /** Their own memory: no file backs it. */
  readonly anonymous: number;
  /** With what they map of files. What is the same file in all of them counts once. */
  readonly resident: number;
}

/** Resident memory of this process alone; undefined = it is gone, or there is no /proc. */
export function residentBytes(pid: number): number | undefined {
  return bytesOf("VmRSS", statusOf(pid));
}

/** The most that it ever had resident. */
export function peakBytes(pid: number): number | undefined {
  return bytesOf("VmHWM", statusOf(pid));
}

/** Undefined = none of them is there, or there is no /proc. */
export function memoryHeld(pids: readonly number[]): MemoryHeld | undefined {
  const found = pids.flatMap((pid) => {
    const status = statusOf(pid);
    const [resident, files] = [bytesOf("VmRSS", status), bytesOf("RssFile", status)];
    return resident === undefined || files === undefined ? [] : [{ anonymous: resident - files, files }];
  });
  if (found.length === 0) return undefined;
  const anonymous = found.reduce((sum, one) => sum + one.anonymous, 0);
  return { anonymous, resident: anonymous + Math.max(...found.map(({ files }) => files)) };
}

function statusOf(pid: number): string {
  return readIfThere(`/proc/${pid}/status`) ?? "";
}

function bytesOf(field: string, status: string): number | undefined {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  return kibibytes === undefined ? undefined : 1024 * Number(kibibytes);
}
