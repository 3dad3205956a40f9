import { MillraceError, toMillraceError } from "../core/errors.ts";
import { formatBytes } from "../core/format-bytes.ts";
import { fitLoad, neededBytes, tryFit } from "../model/fit-load.ts";
import type { GgufHeader } from "../model/gguf-header.ts";
import { estimateMemory, type Load } from "../model/memory-estimate.ts";
import type { PreparedModel } from "./prepare-model.ts";

/** The memory that a model wants to be loaded into. */
export interface Claim {
  /** What each of its processes runs. */
  readonly load: Load;
  /** Estimated, for all its processes together; 0 = it cannot be estimated, and the model is not refused. */
  readonly bytes: number;
  /** What they come to hold beside it, and the system may take back. */
  readonly droppable: number;
  /** The same plan in `available` bytes, with a smaller prefix cache; undefined = it may not be made so small. */
  readonly withLessCache: (available: number) => Claim | undefined;
  /**
   * The same model in `available` bytes. Throws `model_too_large` when it may not be made so small. `stay` are models that
   * are not unloaded for it.
   */
  readonly within: (available: number, stay: readonly { readonly id: string; readonly bytes: number }[]) => Claim;
}

/** What `replicas` processes take that run the same plan. They share the pages of its file. */
export function claimOf(prepared: PreparedModel, replicas: number): Claim {
  const { header, wanted } = prepared;
  return header === undefined ? freeOfCharge(wanted) : claimFor(wanted, { ...prepared, header, replicas });
}

function freeOfCharge(load: Load): Claim {
  const claim = { load, bytes: 0, droppable: 0, withLessCache: () => claim, within: () => claim };
  return claim;
}

interface Claimant extends PreparedModel {
  readonly header: GgufHeader;
  readonly replicas: number;
}

function claimFor(load: Load, claimant: Claimant): Claim {
  const { id, header, wanted, replicas } = claimant;
  const estimate = estimateMemory(header, load);
  const { weights, droppable } = estimate;
  const shared = load.plan.loadMode === "mmap" ? (replicas - 1) * (weights - droppable) : 0;
  const ofEach = (available: number) => Math.max(0, available + shared) / replicas;
  return {
    load,
    bytes: replicas * neededBytes(estimate) - shared,
    droppable,
    withLessCache: (available) => {
      const mayShrink = wanted.mayShrink === "nothing" ? "nothing" : "cache";
      const load = tryFit(header, { ...wanted, mayShrink }, ofEach(available));
      return load && claimFor(load, claimant);
    },
    within: (available, stay) => {
      try {
        return claimFor(fitLoad(header, wanted, ofEach(available)), claimant);
      } catch (error) {
        const { code, message } = toMillraceError(error);
        const beside = stay.map((model) => `'${model.id}' (${formatBytes(model.bytes)})`).join(", ");
        const kept = stay.length === 0 ? "" : `; kept in memory: ${beside}`;
        throw new MillraceError({ code, message: `model '${id}' is not loaded: ${message}${kept}` }, error);
      }
    },
  };
}
