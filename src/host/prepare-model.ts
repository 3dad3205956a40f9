import type { Config } from "../config/schema.ts";
import type { RequestDefaults } from "../core/generation.ts";
import type { WantedLoad } from "../model/fit-load.ts";
import type { GgufHeader } from "../model/gguf-header.ts";
import { leaseModel } from "../model/lease.ts";
import { resolveModel, type Fallback, type PullProgress, type ResolvedModel } from "../model/resolve-model.ts";
import { loadFor } from "./load-for.ts";

/** For what may have to get the model over the network first. */
export interface PullOptions {
  /** Ends a pull: the signal's reason is thrown. */
  readonly signal: AbortSignal;
  readonly onPull: (progress: PullProgress) => void;
  /** The model is on this disk. */
  readonly onPulled?: () => void;
  /** Allows another model where the catalogue names one in place of one that cannot be had. */
  readonly onFallback?: (fallback: Fallback) => void;
}

/** A model that is on this disk, and how it is to run. Disposed of, its file is not protected any more. */
export interface PreparedModel extends Disposable {
  /** What clients call it. */
  readonly id: string;
  readonly wanted: WantedLoad;
  /** Undefined for an engine without a file. */
  readonly header: GgufHeader | undefined;
  readonly hasChatTemplate: boolean;
  /** Sampling that the model's makers recommend. */
  readonly recommended: RequestDefaults;
}

/** What `config` wants of its model, which is pulled if it is not here. Throws what `resolveModel` throws. */
export async function prepareModel(config: Config, options: PullOptions): Promise<PreparedModel> {
  if (config.engine !== "llama") {
    const wanted = loadFor(config, "fake", undefined);
    const id = config.name ?? "fake";
    return { id, wanted, header: undefined, hasChatTemplate: true, recommended: {}, [Symbol.dispose]() {} };
  }
  const { id, file, header, entry, lease } = await pullModel(config, options);
  return {
    id: config.name ?? id,
    wanted: loadFor(config, file, header),
    header,
    hasChatTemplate: header.hasChatTemplate,
    recommended: entry?.defaults ?? {},
    [Symbol.dispose]: () => lease[Symbol.dispose](),
  };
}

/** The model of `config`, on this disk, and the lease that protects its file. */
export async function pullModel(
  { model, home }: Config,
  options: PullOptions,
): Promise<ResolvedModel & { readonly lease: Disposable }> {
  const resolved = await resolveModel(model, { ...options, home, onProgress: options.onPull });
  const lease = leaseModel(home, resolved.file);
  options.onPulled?.();
  return { ...resolved, lease };
}
