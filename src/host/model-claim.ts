import { MillraceError, toMillraceError } from "../core/errors.ts";
import { formatBytes } from "../core/format-bytes.ts";
import { assertFits } from "../model/assert-fits.ts";
import { estimateMemory } from "../model/memory-estimate.ts";
import type { PreparedModel } from "./prepare-model.ts";

/** The memory that a model wants to be loaded into. */
export interface Claim {
  /** Estimated, for all its processes together; 0 = it cannot be estimated, and the model is not refused. */
  readonly bytes: number;
  /** Why fewer bytes are not enough: `model_too_large`. `stay` are models that are not unloaded for it. */
  readonly refusal: (available: number, stay: readonly { readonly id: string; readonly bytes: number }[]) => Error;
}

/** What `replicas` processes take that run the same plan. They share the pages of its file. */
export function claimOf({ id, header, plan }: PreparedModel, replicas: number): Claim {
  const { total, weights } = header === undefined ? { total: 0, weights: 0 } : estimateMemory(header, plan);
  const shared = plan.loadMode === "mmap" ? (replicas - 1) * weights : 0;
  return {
    bytes: replicas * total - shared,
    refusal: (available, stay) => {
      const beside = stay.map((model) => `'${model.id}' (${formatBytes(model.bytes)})`).join(", ");
      const kept = stay.length === 0 ? "" : `; kept in memory: ${beside}`;
      try {
        assertFits(header!, plan, Math.max(0, available + shared) / replicas);
        return new Error(`model '${id}' fits into ${available} bytes`);
      } catch (error) {
        const { code, message } = toMillraceError(error);
        return new MillraceError({ code, message: `model '${id}' is not loaded: ${message}${kept}` }, error);
      }
    },
  };
}
