import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename } from "node:path";

/** Processes of other machines that share the folder cannot be seen to be over; what is theirs counts for this long. */
const foreignMs = 24 * 60 * 60 * 1000;

/** The end of a file's name that says whose it is: this process's, and no other file's. */
export function ownerName(): string {
  return `${hostname()}~${process.pid}~${randomBytes(6).toString("hex")}`;
}

/** The owner of what nobody works on. */
export function nobody(): string {
  return `${hostname()}~0~${randomBytes(6).toString("hex")}`;
}

/** The process that the end of a file's name tells. */
export function ownerOf(path: string): { readonly host: string; readonly pid: number } {
  const [host = "", pid = ""] = basename(path).split("~").slice(-3);
  return { host, pid: Number(pid) };
}

/** Whether the process that a file belongs to is over. A file that is gone belongs to nobody. */
export async function isOrphaned(path: string): Promise<boolean> {
  const { host, pid } = ownerOf(path);
  if (host === hostname()) return !isRunning(pid);
  const found = await stat(path).catch(() => undefined);
  return found === undefined || Date.now() - found.mtimeMs > foreignMs;
}

function isRunning(pid: number): boolean {
  if (!(pid > 0)) return false; // 0 would mean this process's group
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}
