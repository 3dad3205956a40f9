import { mkdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { closestWord } from "../core/closest-word.ts";
import { failure } from "../core/errors.ts";
import { catalogue, type CatalogueEntry } from "./catalogue.ts";
import { readGgufHeader, type GgufHeader } from "./gguf-header.ts";
import { sourceName, streamFrom } from "./source.ts";
import { problemOf, SourceProblem } from "./source-problem.ts";
import { ModelStore } from "./store.ts";

export interface ResolveOptions {
  /** Folder of the store, see `millraceHome`. */
  readonly home: string;
  /** Called often while a file is pulled. */
  readonly onProgress?: (progress: PullProgress) => void;
  /** Ends a pull; `resolveModel` then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Never touch the network. */
  readonly offline?: boolean;
}

export interface PullProgress {
  readonly source: string;
  /** Bytes over the network so far. */
  readonly received: number;
  readonly total: number;
}

/** A model on this disk whose header was checked. */
export interface ResolvedModel {
  /** The catalogue's name, or the file's without its ending. */
  readonly id: string;
  readonly file: string;
  readonly header: GgufHeader;
}

/**
 * Finds the model that `reference` names: one of the catalogue, pulled if it is not in the store, or a file. Throws
 * `unknown_model`, `model_source_failed` (every source with its reason), `invalid_model_file`, or the signal's reason.
 */
export async function resolveModel(reference: string, options: ResolveOptions): Promise<ResolvedModel> {
  const entry = catalogue.find(({ name }) => name === reference);
  if (entry !== undefined) return await resolveEntry(entry, options);
  if (!looksLikePath(reference) && !(await exists(reference))) {
    const known = catalogue.map(({ name }) => name);
    const near = closestWord(reference, known);
    const advice = near === undefined ? "" : ` (did you mean ${near}?)`;
    throw failure("unknown_model", { model: reference, advice, known: known.join(", ") });
  }
  const file = resolve(reference);
  return { id: basename(file).replace(/\.gguf$/i, ""), file, header: await readGgufHeader(file) };
}

/** `resolveModel` for an entry that need not be in the catalogue. */
export async function resolveEntry(entry: CatalogueEntry, options: ResolveOptions): Promise<ResolvedModel> {
  const store = new ModelStore(options.home);
  const file = (await store.find(entry.name, entry.sources)) ?? (await pull(entry, store, options));
  return { id: entry.name, file, header: await readGgufHeader(file) };
}

async function pull(entry: CatalogueEntry, store: ModelStore, options: ResolveOptions): Promise<string> {
  if (options.offline) throw pullFailed(entry, ["it is not in the store, and the network must not be used"]);
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  try {
    return await store.withScratch((scratch) => firstOf(entry, store, { ...options, signal, scratch }));
  } catch (thrown) {
    throw thrown instanceof SourceProblem ? pullFailed(entry, [thrown.message]) : thrown;
  }
}

type PullOptions = ResolveOptions & { readonly signal: AbortSignal; readonly scratch: string };

async function firstOf(entry: CatalogueEntry, store: ModelStore, options: PullOptions): Promise<string> {
  const problems: string[] = [];
  for (const [i, source] of entry.sources.entries()) {
    const name = sourceName(source);
    const scratch = join(options.scratch, String(i));
    const onReceived = (received: number, total: number) => options.onProgress?.({ source: name, received, total });
    try {
      await mkdir(scratch);
      const chunks = streamFrom(source, { scratch, signal: options.signal, onReceived });
      const file = await store.keep(chunks, source, scratch);
      await store.setReference(entry.name, { ...source, source: name }, scratch);
      return file;
    } catch (thrown) {
      options.signal.throwIfAborted();
      problems.push(`${name}: ${problemOf(thrown)}`);
    }
  }
  throw pullFailed(entry, problems);
}

function pullFailed(entry: CatalogueEntry, problems: readonly string[]) {
  return failure("model_source_failed", { model: entry.name, problem: problems.join("; ") });
}

function looksLikePath(reference: string): boolean {
  return /[/\\]|\.gguf$/i.test(reference);
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
