import { renameSync, rmSync, statSync } from "node:fs";
import { failure } from "../../core/errors.ts";
import { loadCpuBackend } from "./cpu-variant.ts";
import { fileTypes } from "./native-constants.ts";
import { findLibrary, openLibrary, platformDirectory } from "./platform-library.ts";

export type QuantizedType = keyof typeof fileTypes;

/** What `quantizeModel` can make: "q4_0", "q4_k_m", ... */
export const quantizedTypes = Object.keys(fileTypes) as readonly QuantizedType[];

export interface QuantizeJob {
  readonly source: string;
  readonly output: string;
  readonly type: QuantizedType;
  readonly threads: number;
}

/**
 * Writes the model file again with its weights in another type; blocks the thread until it is done. A source that is
 * quantized itself loses twice: from F16 the result is better. `output` appears when it is complete. Sizes are in bytes.
 */
export function quantizeModel({ source, output, type, threads }: QuantizeJob): { before: number; after: number } {
  const before = sizeOf(source);
  const library = findLibrary(platformDirectory());
  const native = openLibrary(library.directory);
  loadCpuBackend(native, library, undefined);
  const unfinished = unfinishedFile(output, process.pid);
  try {
    const params = { ...native.quantizeDefaults(), nthread: threads, ftype: fileTypes[type], allow_requantize: true };
    if (native.quantize(source, unfinished, params) !== 0) {
      throw failure("invalid_model_file", { file: source, problem: `llama.cpp cannot quantize it to ${type}` });
    }
    const after = sizeOf(unfinished);
    renameSync(unfinished, output);
    return { before, after };
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** Where the process `pid` writes until the file is complete. */
export function unfinishedFile(output: string, pid: number | undefined): string {
  return `${output}.${pid}.part`;
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch (error) {
    throw failure("invalid_model_file", { file, problem: "cannot be read" }, error);
  }
}
