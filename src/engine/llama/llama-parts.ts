import type { ExecutionPlan } from "../../core/execution-plan.ts";
import type { EngineInfo } from "../engine.ts";
import { loadCpuBackend, type CpuBackend } from "./cpu-variant.ts";
import { loadModel } from "./load-model.ts";
import type { Native, Pointer } from "./native.ts";
import { findLibrary, openLibrary, platformDirectory } from "./platform-library.ts";

/** What an engine is made of. */
export interface LlamaParts {
  readonly native: Native;
  readonly plan: ExecutionPlan;
  readonly backend: CpuBackend;
  readonly model: Pointer;
  /** Of the library. */
  readonly directory: string;
}

/** Loads the plan's model on this thread and gives it to `make`. `onProgress` gets 0..1. Throws MillraceError. */
export function withLoadedModel<T>(
  plan: ExecutionPlan,
  onProgress: (fraction: number) => void,
  make: (parts: LlamaParts) => T,
): T {
  const library = findLibrary(platformDirectory());
  const native = openLibrary(library.directory);
  const backend = loadCpuBackend(native, library, plan.cpuVariant);
  const model = loadModel(native, plan, { library, onProgress });
  try {
    return make({ native, plan, backend, model, directory: library.directory });
  } catch (error) {
    native.freeModel(model);
    throw error;
  }
}

/** What is the same in all engines of this library; `memory` says in words what the sequences are kept in. */
export function libraryInfo(
  { native, backend, model }: LlamaParts,
  memory: string,
): Pick<EngineInfo, "library" | "cpuVariant" | "description"> {
  const description = `${describe(native, model)}, ${memory}`;
  return { library: `llama.cpp ${native.version}`, cpuVariant: backend.variant, description };
}

function describe(native: Native, model: Pointer): string {
  const text = Buffer.alloc(256);
  native.describeModel(model, text, text.length);
  // "llama 256M Q4_1": the size in the middle is the library's guess by the number of layers.
  const [architecture, , ...weights] = text.toString("utf8", 0, text.indexOf(0)).split(" ");
  const name = [architecture, formatCount(native.parameters(model)), ...weights].join(" ");
  return `${name}, ${Math.round(native.modelBytes(model) / 1e6)} MB`;
}

function formatCount(parameters: number): string {
  return parameters < 1e9 ? `${Math.round(parameters / 1e6)}M` : `${(parameters / 1e9).toFixed(1)}B`;
}
