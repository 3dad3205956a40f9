import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const local = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** The process that listens at a URL of this machine, by Linux's /proc; undefined = elsewhere, or not ours to see. */
export function listenerOf(url: string): number | undefined {
  const { hostname, port, protocol } = new URL(url);
  if (!local.has(hostname)) return undefined;
  const wanted = Number(port) || (protocol === "https:" ? 443 : 80);
  const sockets = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) => listeningSockets(text(path), wanted)));
  if (sockets.size === 0) return undefined;
  return list("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => holdsOne(pid, sockets));
}

/** Their inodes. The columns are those of proc(5): number, local address, remote address, state, ..., inode the tenth. */
function listeningSockets(table: string, port: number): string[] {
  const listening = "0A";
  return table.split("\n").flatMap((line) => {
    const [, address = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    return state === listening && Number.parseInt(address.split(":")[1] ?? "", 16) === port ? [inode] : [];
  });
}

function holdsOne(pid: number, sockets: ReadonlySet<string>): boolean {
  return list(`/proc/${pid}/fd`).some((fd) => {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && sockets.has(inode);
    } catch {
      return false; // closed meanwhile
    }
  });
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // it has ended, or belongs to somebody else
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
