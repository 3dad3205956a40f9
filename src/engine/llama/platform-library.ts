import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { failure } from "../../core/errors.ts";
import { bindLibrary, type Native } from "./native.ts";

/** One prebuilt llama.cpp on disk: the folder of a platform package. */
export interface PlatformLibrary {
  readonly directory: string;
  /** The shared libraries, each after those it needs. */
  readonly files: readonly string[];
  /** CPU backend variant ("zen4") → file. */
  readonly cpuVariants: ReadonlyMap<string, string>;
  /** Backends for other devices (CUDA, Vulkan, Metal). */
  readonly deviceBackends: readonly string[];
}

const packages: Readonly<Record<string, string>> = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "darwin-arm64": "mac-arm64-metal",
  "win32-x64": "win-x64",
};

/** The folder of this platform's package. Throws `unsupported_library` when there is none. */
export function platformDirectory(): string {
  const system = `${process.platform}-${process.arch}`;
  const platform = packages[system];
  if (platform === undefined) {
    const problem = `there is no prebuilt llama.cpp for ${system}; there is for ${Object.keys(packages).join(", ")}`;
    throw failure("unsupported_library", { problem });
  }
  try {
    const entry = createRequire(import.meta.url).resolve(`@node-llama-cpp/${platform}`);
    return join(dirname(dirname(entry)), "bins", platform);
  } catch (error) {
    const problem = `the package @node-llama-cpp/${platform} is not installed (npm leaves it out with --omit=optional, and on Linux without glibc)`;
    throw failure("unsupported_library", { problem }, error);
  }
}

/** Finds the files by pattern: their names differ by platform and version (libllama.metal.v0.4.0.dylib, llama.v0.4.0.dll). */
export function findLibrary(directory: string): PlatformLibrary {
  const names = listFiles(directory);
  const one = (pattern: RegExp): string => {
    const name = names.find((candidate) => pattern.test(candidate));
    if (name === undefined) throw failure("unsupported_library", { problem: `no file ${pattern} in ${directory}` });
    return join(directory, name);
  };
  const variants = names.flatMap((name): [string, string][] => {
    const variant = /^(?:lib)?ggml-cpu-(.+)\.(?:so|dll)$/.exec(name)?.[1];
    return variant === undefined ? [] : [[variant, join(directory, name)]];
  });
  return {
    directory,
    files: [
      one(/^(?:lib)?ggml-base\.(?:so|dylib|dll)$/),
      one(/^(?:lib)?ggml(?:\.[\w.-]+)?\.(?:so|dylib|dll)$/),
      one(/^(?:lib)?llama(?:\.[\w.-]+)?\.(?:so|dylib|dll)$/),
    ],
    cpuVariants: new Map(variants),
    deviceBackends: names
      .filter((name) => /^(?:lib)?ggml-(?!base|cpu)[a-z]+\.(?:so|dll)$/.test(name))
      .map((name) => join(directory, name)),
  };
}

const bound = new Map<string, Native>();

/** The functions of the library in a folder; bound once on each thread. */
export function openLibrary(directory: string): Native {
  let native = bound.get(directory);
  if (native === undefined) {
    native = bindLibrary(findLibrary(directory).files);
    bound.set(directory, native);
  }
  return native;
}

function listFiles(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => basename(name));
  } catch (error) {
    throw failure("unsupported_library", { problem: `no llama.cpp in ${directory}` }, error);
  }
}
