import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { isOrphaned, ownerName, ownerOf } from "./owner.ts";

/** So that other machines, which cannot see this process, see that it lives. */
const refreshMs = 60 * 60 * 1000;

/**
 * Says that this process uses a model file, until it is disposed of or the process ends: `remove` and `gc` then leave the
 * file alone. A file that is not in the store needs no lease. The name of the lease tells model and process.
 */
export function leaseModel(home: string, file: string): Disposable {
  const key = leaseKey(home, file);
  if (key === undefined) return { [Symbol.dispose]() {} };
  const folder = join(home, "leases");
  const path = join(folder, `${key}~${ownerName()}`);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, "");
  } catch {
    return { [Symbol.dispose]() {} }; // a store that cannot be written cannot lose the model either
  }
  const timer = setInterval(() => touch(path), refreshMs).unref();
  const end = () => {
    clearInterval(timer);
    process.off("exit", end);
    rmSync(path, { force: true });
  };
  process.once("exit", end);
  return { [Symbol.dispose]: end };
}

/** The processes that use each model of the store, by the model's key. */
export async function activeLeases(home: string): Promise<Map<string, number[]>> {
  const leases = new Map<string, number[]>();
  const folder = join(home, "leases");
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (await isOrphaned(path)) rmSync(path, { force: true });
    else {
      const key = name.slice(0, name.indexOf("~"));
      leases.set(key, [...(leases.get(key) ?? []), ownerOf(name).pid]);
    }
  }
  return leases;
}

/** What a model of the store is called there: its blob, or the folder of its parts. */
function leaseKey(home: string, file: string): string | undefined {
  if (dirname(file) === join(home, "blobs")) return basename(file);
  return file.startsWith(join(home, "splits") + sep) ? basename(dirname(file)) : undefined;
}

function touch(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // the folder was cleared away by hand
  }
}
