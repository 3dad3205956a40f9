import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { dirname, extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { failure } from "../../core/errors.ts";
import { millraceHome } from "../../core/home-folder.ts";
import type { Native, Pointer } from "./native.ts";
import type { PlatformLibrary } from "./platform-library.ts";

export interface CpuBackend {
  readonly variant: string;
  readonly backend: Pointer;
}

// A process can use one variant: the library takes the first that was loaded.
let loaded: CpuBackend | undefined;

/** Loads the CPU backend: `forced`, or the fastest variant that runs here. Throws `unsupported_library`. */
export function loadCpuBackend(native: Native, library: PlatformLibrary, forced: string | undefined): CpuBackend {
  if (loaded !== undefined) {
    if (forced === undefined || forced === loaded.variant) return loaded;
    throw refusal(`CPU variant ${forced} cannot be loaded: ${loaded.variant} is already in this process`);
  }
  const variant = forced ?? knownVariant(native.version, library) ?? probeAndRemember(native.version, library);
  const file = library.cpuVariants.get(variant);
  if (file === undefined) {
    throw refusal(`there is no CPU variant ${variant}; there is ${[...library.cpuVariants.keys()].join(", ")}`);
  }
  const backend = native.loadBackend(file);
  if (backend === null) throw refusal(`CPU variant ${variant} does not run on this CPU`);
  loaded = { variant, backend };
  return loaded;
}

/**
 * The fastest variant that computes in a child process without dying: a virtual machine may hide instructions that its
 * CPU claims to have, and then a variant dies by SIGILL. `command` is called with a folder and the variants to leave out;
 * it writes the name of the best other one, then computes with it.
 */
export function probeVariant(directory: string, command: readonly string[] = probeCommand()): string {
  const failed: string[] = [];
  for (;;) {
    const [program, ...args] = [...command, directory, failed.join()];
    const child = spawnSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
    // They are null when the process could not be made.
    const [variant, messages] = [child.stdout?.trim() ?? "", child.stderr?.trim() ?? String(child.error)];
    if (variant === "" || failed.includes(variant)) {
      const tried = failed.length === 0 ? "" : ` (tried: ${failed.join(", ")})`;
      throw refusal(`no CPU variant in ${directory} runs on this machine${tried}: ${messages.slice(-500)}`);
    }
    if (child.status === 0) return variant;
    failed.push(variant);
  }
}

/** Node with the entry beside this file, which is TypeScript when this is run from source. */
function probeCommand(): string[] {
  const extension = extname(import.meta.url);
  const entry = fileURLToPath(new URL(`./probe-variant${extension}`, import.meta.url));
  if (extension === ".js") return [process.execPath, entry];
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  return [process.execPath, "--import", loader, entry];
}

/** The verdict of an earlier start, if it was about this library on this CPU. */
function knownVariant(version: string, library: PlatformLibrary): string | undefined {
  const variant = readVerdicts()[verdictKey(version)];
  return variant !== undefined && library.cpuVariants.has(variant) ? variant : undefined;
}

function probeAndRemember(version: string, library: PlatformLibrary): string {
  const variant = probeVariant(library.directory);
  const file = verdictFile();
  try {
    mkdirSync(dirname(file), { recursive: true });
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify({ ...readVerdicts(), [verdictKey(version)]: variant }, null, 2));
    renameSync(temporary, file);
  } catch {
    // A folder that cannot be written costs the next start another probe, nothing else.
  }
  return variant;
}

function readVerdicts(): Record<string, string> {
  const file = verdictFile();
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  } catch {
    return {};
  }
}

function verdictFile(): string {
  return join(millraceHome(), "cpu-variants.json");
}

function verdictKey(version: string): string {
  const identity = process.platform === "linux" ? linuxCpu() : (cpus()[0]?.model ?? "");
  return `llama.cpp ${version} on ${createHash("sha256").update(identity).digest("hex").slice(0, 16)}`;
}

/** Model and flags: the same CPU may show other flags in another virtual machine. */
function linuxCpu(): string {
  const file = openSync("/proc/cpuinfo", "r");
  try {
    // One page has the first CPU, and the kernel does not make up the text of the others.
    const text = Buffer.alloc(4096);
    const lines = text.toString("utf8", 0, readSync(file, text)).split("\n\n", 1)[0]!.split("\n");
    return lines.filter((line) => /^(?:vendor_id|model|flags|Features|CPU )/.test(line)).join("\n");
  } finally {
    closeSync(file);
  }
}

function refusal(problem: string): Error {
  return failure("unsupported_library", { problem });
}
