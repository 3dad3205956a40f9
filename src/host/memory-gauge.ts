import { bytesOf } from "../config/byte-size.ts";
import type { Config } from "../config/schema.ts";
import { availableMemory } from "../model/available-memory.ts";
import { memoryHeld, type MemoryHeld } from "./process-memory.ts";

/** What models take and may take. */
export interface MemoryGauge {
  /** Bytes that all models may have together, of whom these are the processes. */
  readonly budget: (pids: readonly number[]) => number;
  readonly held: (pids: readonly number[]) => MemoryHeld | undefined;
}

/** Measures on this machine; never more than was configured. */
export function memoryGauge({ modelMemory }: Pick<Config, "modelMemory">): MemoryGauge {
  const most = bytesOf(modelMemory) ?? Infinity;
  return {
    budget: (pids) => Math.min(most, availableMemory() + (memoryHeld(pids)?.anonymous ?? 0)),
    held: memoryHeld,
  };
}
