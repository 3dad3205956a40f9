import { once } from "node:events";
import { accessSync, constants, existsSync, mkdirSync, readdirSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { toMillraceError } from "../core/errors.ts";
import { libraryFacts, type LibraryFacts } from "../engine/llama/library-facts.ts";
import { silenceNativeLog } from "../engine/llama/native-log.ts";
import { availableMemory } from "../model/available-memory.ts";
import { readIfThere, threadsForThisMachine, type CpuQuota } from "./cpu-quota.ts";
import { cpuThrottling, type CpuThrottling } from "./cpu-throttling.ts";

/** What can be known about this machine before a model is loaded. A `problem` is there instead of what could not be had. */
export interface MachineFacts {
  readonly node: string;
  readonly cpu: { readonly model: string; readonly count: number; readonly usable: number; readonly lease: CpuQuota };
  readonly throttling: CpuThrottling | undefined;
  /** In bytes. */
  readonly memory: { readonly total: number; readonly available: number };
  readonly libc: { readonly kind: "glibc"; readonly version: string } | { readonly kind: "musl" } | undefined;
  readonly library: LibraryFacts | { readonly problem: string };
  /** Devices of GPUs that the system has, whether or not the library can use them. */
  readonly gpus: readonly string[];
  readonly store: { readonly folder: string; readonly free: number; readonly problem: string | undefined };
  readonly port: { readonly host: string; readonly port: number; readonly problem: string | undefined };
}

interface Asked {
  readonly home: string;
  readonly host: string;
  readonly port: number;
}

export async function machineFacts({ home, host, port }: Asked): Promise<MachineFacts> {
  const processors = cpus();
  return {
    node: process.versions.node,
    cpu: {
      model: processors[0]?.model.trim() ?? "unknown",
      count: processors.length,
      usable: availableParallelism(),
      lease: threadsForThisMachine(),
    },
    throttling: cpuThrottling(),
    memory: { total: totalmem(), available: availableMemory() },
    libc: libc(),
    library: libraryOrProblem(),
    gpus: gpus(),
    store: storeFacts(home),
    port: { host, port, problem: await portProblem(host, port) },
  };
}

function libraryOrProblem(): MachineFacts["library"] {
  try {
    silenceNativeLog();
    return libraryFacts();
  } catch (error) {
    const failed = toMillraceError(error);
    return { problem: failed.cause instanceof Error ? `${failed.message}: ${failed.cause.message}` : failed.message };
  }
}

function libc(): MachineFacts["libc"] {
  if (process.platform !== "linux") return undefined;
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined
    ? { kind: "musl" }
    : { kind: "glibc", version: header.glibcVersionRuntime };
}

/** By what drivers leave on Linux. */
function gpus(): string[] {
  const nvidia = namesIn("/proc/driver/nvidia/gpus").map((name) => {
    const text = readIfThere(join("/proc/driver/nvidia/gpus", name, "information")) ?? "";
    return /^Model:\s*(.+)$/m.exec(text)?.[1] ?? "an NVIDIA GPU";
  });
  if (nvidia.length === 0 && existsSync("/dev/nvidia0")) nvidia.push("an NVIDIA GPU (/dev/nvidia0)");
  const others = namesIn("/dev/dri")
    .filter((name) => name.startsWith("renderD"))
    .map((name) => `/dev/dri/${name}`);
  return nvidia.length > 0 ? nvidia : others;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function storeFacts(folder: string): MachineFacts["store"] {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return { folder, free: bavail * bsize, problem: undefined };
  } catch (error) {
    return { folder, free: 0, problem: (error as Error).message };
  }
}

/** Why the server could not listen there; found out by listening. */
async function portProblem(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen({ host, port });
    await once(server, "listening");
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "EADDRINUSE" ? "another program listens there" : message;
  } finally {
    server.close();
  }
}
