import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { closestWord } from "../core/closest-word.ts";
import { failure, MillraceError } from "../core/errors.ts";
import { catalogue, catalogueEntry } from "./catalogue.ts";
import type { CatalogueEntry } from "./catalogue-entry.ts";
import { readGgufHeader, type GgufHeader } from "./gguf-header.ts";
import { pullFailed, pullModel, type Pullable, type PullProgress } from "./pull.ts";
import { parseReference, webName } from "./reference.ts";
import { ModelStore, type StoredModel } from "./store.ts";

export type { PullProgress } from "./pull.ts";

export interface ResolveOptions {
  /** Folder of the store, see `millraceHome`. */
  readonly home: string;
  /** Called often while a file is pulled. */
  readonly onProgress?: (progress: PullProgress) => void;
  /** Ends a pull; `resolveModel` then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Never touch the network. */
  readonly offline?: boolean;
  /** Allows the entry that the catalogue names in place of one that cannot be pulled; called when it is taken. */
  readonly onFallback?: (fallback: Fallback) => void;
}

/** Another model than the one that was asked for. */
export interface Fallback {
  readonly wanted: string;
  readonly instead: string;
  readonly problem: string;
}

/** A model on this disk whose header was checked. */
export interface ResolvedModel {
  /** What the API calls it: the catalogue's name, or the file's without its ending. */
  readonly id: string;
  readonly file: string;
  readonly header: GgufHeader;
  /** What the catalogue says about it. */
  readonly entry?: CatalogueEntry;
}

/**
 * Finds the model that `reference` names: a file, or one that is pulled if it is not in the store: a name of the
 * catalogue, `hf:owner/repo:Q4_K_M`, `hf:owner/repo/file.gguf@revision`, `https://...`. Throws `unknown_model`,
 * `invalid_config` (a malformed reference), `model_source_failed` (every source with its reason), `disk_full`,
 * `invalid_model_file`, or the signal's reason.
 */
export async function resolveModel(reference: string, options: ResolveOptions): Promise<ResolvedModel> {
  const pullable = pullableOf(reference);
  if (pullable !== undefined) return await resolveEntry(pullable, options);
  const parsed = parseReference(reference);
  if (parsed.kind === "name" && !(await exists(reference))) throw unknownModel(reference);
  const file = resolve(reference);
  return { id: basename(file).replace(/\.gguf$/i, ""), file, header: await readGgufHeader(file) };
}

/** What `reference` names in the store and on the network; undefined = a file, or nothing that is known. */
export function pullableOf(reference: string): (Pullable & Partial<CatalogueEntry>) | undefined {
  const parsed = parseReference(reference);
  const sources = [{ kind: "reference", reference }] as const;
  if (parsed.kind === "hub") return { name: reference, sources };
  if (parsed.kind === "url") return { name: nameOfUrl(parsed.url), sources };
  const entry = parsed.kind === "name" ? catalogueEntry(parsed.name) : undefined;
  return entry && { ...entry, id: entry.name };
}

export function unknownModel(reference: string): MillraceError {
  const known = catalogue.map(({ name }) => name);
  const near = closestWord(reference, known);
  const advice = near === undefined ? "" : ` (did you mean ${near}?)`;
  return failure("unknown_model", { model: reference, advice, known: known.join(", ") });
}

/** `resolveModel` for an entry that need not be in the catalogue. */
export async function resolveEntry(
  model: Pullable & Partial<CatalogueEntry>,
  options: ResolveOptions,
): Promise<ResolvedModel> {
  try {
    const { id, file } = await stored(model, options);
    const entry = catalogueEntry(model.name);
    return { id, file, header: await readGgufHeader(file), ...(entry === undefined ? {} : { entry }) };
  } catch (thrown) {
    const failed = thrown instanceof MillraceError && thrown.code === "model_source_failed";
    const { onFallback, ...rest } = options;
    if (!failed || onFallback === undefined || model.fallback === undefined) throw thrown;
    onFallback({ wanted: model.name, instead: model.fallback, problem: thrown.message });
    return await resolveModel(model.fallback, rest);
  }
}

async function stored(model: Pullable, options: ResolveOptions): Promise<StoredModel> {
  const store = new ModelStore(options.home);
  const found = (await store.find(model.name)) ?? (await adopt(model, store));
  if (found !== undefined) return found;
  if (options.offline) throw pullFailed(model.name, ["it is not in the store, and the network must not be used"]);
  const { signal = new AbortController().signal, onProgress = () => {} } = options;
  return await pullModel(model, store, { signal, onProgress });
}

/** A file that is here under another name, or whose note was damaged, is not pulled again. */
async function adopt(model: Pullable, store: ModelStore): Promise<StoredModel | undefined> {
  for (const source of model.sources) {
    if (source.kind === "reference" || !(await store.has(source))) continue;
    return await store.name({ name: model.name, id: model.id ?? model.name, source: "the store", files: [source] });
  }
  return undefined;
}

/** What stands behind the question mark may be a signature: it decides which model is meant, and is not shown. */
function nameOfUrl(url: string): string {
  const name = webName(url);
  return name === url ? url : `${name}#${createHash("sha256").update(url).digest("hex").slice(0, 8)}`;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
