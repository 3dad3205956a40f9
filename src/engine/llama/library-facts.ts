import { loadCpuBackend } from "./cpu-variant.ts";
import { findLibrary, openLibrary, platformDirectory } from "./platform-library.ts";

export interface LibraryFacts {
  readonly version: string;
  readonly directory: string;
  /** Of the CPU backend, the fastest that runs here. */
  readonly cpuVariant: string;
  /** What the library could compute on. */
  readonly devices: readonly string[];
}

/** Loads the library into this process, as an engine would. Throws `unsupported_library`. */
export function libraryFacts(): LibraryFacts {
  const library = findLibrary(platformDirectory());
  const native = openLibrary(library.directory);
  const { variant } = loadCpuBackend(native, library, undefined);
  for (const backend of library.deviceBackends) native.loadBackend(backend);
  const devices = Array.from({ length: native.deviceCount() }, (_, i) => native.deviceName(native.deviceAt(i)));
  return { version: native.version, directory: library.directory, cpuVariant: variant, devices };
}
