import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { failure, MillraceError } from "../core/errors.ts";
import type { CatalogueEntry, FileSum, ModelSource } from "./catalogue-entry.ts";
import { locate, nameOfSource, type PullableFile } from "./locate.ts";
import type { SourceContext } from "./source.ts";
import { problemOf, SourceProblem } from "./source-problem.ts";
import { WrongContent } from "./partial-file.ts";
import type { ModelStore, StoredModel } from "./store.ts";

export interface PullProgress {
  readonly source: string;
  /** Bytes over the network so far. */
  readonly received: number;
  /** 0 = unknown. */
  readonly total: number;
}

export interface PullOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
}

/** A name, and where its files can be had. */
export type Pullable = Pick<CatalogueEntry, "name" | "sources"> & {
  /** What it is called in the API; default: what the source calls it. */
  readonly id?: string;
};

/** How often a broken connection is taken up again while each attempt brings more. */
const mostAttempts = 5;
const pauseMs = 500;

/**
 * Gets the files of a model from the first source that has them, going on with what an earlier pull left. Throws
 * `model_source_failed` (every source with its reason), `disk_full`, or the signal's reason.
 */
export async function pullModel(model: Pullable, store: ModelStore, options: PullOptions): Promise<StoredModel> {
  options.signal.throwIfAborted();
  try {
    return await store.withScratch((scratch) => fromFirst(model, store, { ...options, scratch }));
  } catch (thrown) {
    throw thrown instanceof SourceProblem ? pullFailed(model.name, [thrown.message]) : thrown;
  }
}

export function pullFailed(name: string, problems: readonly string[]): MillraceError {
  return failure("model_source_failed", { model: name, problem: problems.join("; ") });
}

type ScratchOptions = PullOptions & { readonly scratch: string };

async function fromFirst(model: Pullable, store: ModelStore, options: ScratchOptions): Promise<StoredModel> {
  const problems: string[] = [];
  for (const [i, source] of model.sources.entries()) {
    const name = nameOfSource(source);
    try {
      const { id, files } = await pullFiles(source, store, { ...options, scratch: join(options.scratch, String(i)) });
      return await store.name({ name: model.name, id: model.id ?? id, source: name, files });
    } catch (thrown) {
      options.signal.throwIfAborted();
      if (thrown instanceof MillraceError) throw thrown; // no other source helps
      problems.push(`${name}: ${problemOf(thrown)}`);
    }
  }
  throw pullFailed(model.name, problems);
}

async function pullFiles(
  source: ModelSource,
  store: ModelStore,
  { scratch, signal, onProgress }: ScratchOptions,
): Promise<{ id: string; files: FileSum[] }> {
  await mkdir(scratch);
  const { id, files } = await locate(source, signal);
  const name = nameOfSource(source);
  const sums: FileSum[] = [];
  const allBytes = files.reduce((sum, { expected }) => sum + (expected.bytes ?? 0), 0);
  for (const file of files) {
    const before = sums.reduce((sum, { bytes }) => sum + bytes, 0);
    const onReceived = (received: number, total: number) =>
      onProgress({ source: name, received: before + received, total: files.length > 1 ? allBytes : total });
    sums.push(await pullFile(file, store, { scratch, signal, onReceived }));
  }
  return { id, files: sums };
}

async function pullFile(file: PullableFile, store: ModelStore, context: SourceContext): Promise<FileSum> {
  const { bytes, sha256 } = file.expected;
  if (bytes !== undefined && sha256 !== undefined && (await store.has({ bytes, sha256 }))) return { bytes, sha256 };
  for (let attempt = 1; ; attempt++) {
    let progressed = false;
    const onReceived = (received: number, total: number) => {
      progressed = true;
      context.onReceived(received, total);
    };
    try {
      return await store.keep(file, { ...context, onReceived });
    } catch (thrown) {
      const final = thrown instanceof WrongContent || thrown instanceof MillraceError || !file.resumable;
      if (final || !progressed || attempt === mostAttempts || context.signal.aborted) throw thrown;
      await delay(pauseMs * attempt, undefined, { signal: context.signal });
    }
  }
}
