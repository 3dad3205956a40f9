import type { Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { failure } from "../core/errors.ts";
import { architectures } from "./architectures.ts";
import { fileTypes } from "./ggml-types.ts";
import { HeaderProblem, HeaderReader } from "./header-reader.ts";
import { printable, readMetadata, type Metadata } from "./metadata.ts";
import { modelShape, type ModelShape } from "./model-shape.ts";
import { parseSplitName, splitName } from "./split-name.ts";
import { alignUp, checkLayout, readTensorInfos, type TensorInfo } from "./tensors.ts";

/** What a model file says about itself, checked: native code may open a file that has one. */
export interface GgufHeader extends ModelShape {
  /** Of a split model the first part. */
  readonly file: string;
  readonly fileBytes: number;
  readonly architecture: string;
  /** As its maker called it. */
  readonly name: string | undefined;
  readonly license: string | undefined;
  /** Number of weights. */
  readonly parameters: number;
  /** Name of the file's number format ("Q4_1"). */
  readonly fileType: string | undefined;
  readonly hasChatTemplate: boolean;
  readonly tensors: readonly TensorInfo[];
  /** Sum of all tensors. */
  readonly tensorBytes: number;
}

/**
 * Reads and checks the header of a GGUF file (versions 2 and 3, the ones that llama.cpp reads; format:
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md); of a split model those of all its parts. Throws `invalid_model_file` naming the fault.
 */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  try {
    const first = await readPart(path);
    const others: Part[] = [];
    for (const other of otherParts(path, first.metadata)) others.push(await readOtherPart(other));
    return headerOf(path, [first, ...others]);
  } catch (thrown) {
    throw failure("invalid_model_file", { file: path, problem: problemOf(thrown) }, thrown);
  }
}

/** A file: a whole model, or a part of a split one, whose metadata stand in the first. */
interface Part {
  readonly metadata: Metadata;
  readonly tensors: readonly TensorInfo[];
  readonly fileBytes: number;
}

async function readPart(path: string): Promise<Part> {
  // Before opening: that of a named pipe would wait for a writer, for ever.
  const { size } = await regularFile(path);
  const handle = await open(path, "r");
  try {
    return await parse(new HeaderReader(handle, size), size);
  } finally {
    await handle.close();
  }
}

async function readOtherPart(path: string): Promise<Part> {
  try {
    return await readPart(path);
  } catch (thrown) {
    throw new HeaderProblem(`its part ${basename(path)}: ${problemOf(thrown)}`, { cause: thrown });
  }
}

/** The paths of the parts after the first, as llama.cpp will look for them. */
function otherParts(path: string, metadata: Metadata): string[] {
  const parts = metadata.get("split.count") ?? 1;
  const number = metadata.get("split.no") ?? 0;
  if (typeof parts !== "number" || parts <= 1) return [];
  if (number !== 0) throw new HeaderProblem(`it is part ${Number(number) + 1} of ${parts} of a model; give the first`);
  const name = parseSplitName(path);
  if (name.parts !== parts || name.part !== 1) {
    const expected = basename(splitName({ stem: name.stem, part: 1, parts }));
    throw new HeaderProblem(`it is the first of ${parts} parts, which must be called like ${expected}`);
  }
  return Array.from({ length: parts - 1 }, (_, i) => splitName({ ...name, part: i + 2 }));
}

async function regularFile(path: string): Promise<Stats> {
  const found = await stat(path);
  if (found.isDirectory()) throw new HeaderProblem("it is a directory, not a GGUF file");
  if (!found.isFile()) throw new HeaderProblem("it is not a regular file");
  return found;
}

const openProblems: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "no permission to read it",
  EPERM: "no permission to read it",
};

function problemOf(thrown: unknown): string {
  if (thrown instanceof HeaderProblem) return thrown.message;
  const { code, message } = thrown as NodeJS.ErrnoException;
  if (code === undefined) throw thrown;
  return openProblems[code] ?? `it cannot be read: ${message}`;
}

async function parse(reader: HeaderReader, fileBytes: number): Promise<Part> {
  await checkBeginning(reader, fileBytes);
  const tensorCount = await reader.size("the number of tensors");
  const metadataCount = await reader.size("the number of metadata entries");
  const metadata = await readMetadata(reader, metadataCount);
  const tensors = await readTensorInfos(reader, tensorCount);
  const alignment = checkedAlignment(metadata);
  checkLayout(tensors, { dataStart: alignUp(reader.position, alignment), alignment, fileBytes });
  return { metadata, tensors, fileBytes };
}

function headerOf(file: string, parts: readonly [Part, ...Part[]]): GgufHeader {
  const [{ metadata }] = parts;
  const architecture = checkedArchitecture(metadata);
  const tensors = parts.flatMap((part) => part.tensors);
  if (tensors.length === 0) throw new HeaderProblem("it holds no tensors: it is a vocabulary or a stub, not a model");
  const fileType = metadata.get("general.file_type");
  return {
    ...modelShape(architecture, metadata, tensors),
    file,
    fileBytes: sum(parts, (part) => part.fileBytes),
    architecture,
    name: textOf(metadata, "general.name"),
    license: textOf(metadata, "general.license"),
    parameters: sum(tensors, (tensor) => tensor.elements),
    fileType: typeof fileType === "number" ? (fileTypes.get(fileType) ?? `type ${fileType}`) : undefined,
    hasChatTemplate: metadata.has("tokenizer.chat_template"),
    tensors,
    tensorBytes: sum(tensors, (tensor) => tensor.bytes),
  };
}

async function checkBeginning(reader: HeaderReader, fileBytes: number): Promise<void> {
  if (fileBytes === 0) throw new HeaderProblem("the file is empty");
  const beginning = await reader.bytes(Math.min(4, fileBytes), "the first bytes");
  if (beginning.toString("latin1") !== "GGUF") {
    const hex = beginning.toString("hex").replaceAll(/(..)(?=.)/g, "$1 ");
    const text = printable(beginning.toString("latin1"));
    throw new HeaderProblem(`not a GGUF file: it begins with ${hex} ('${text}') instead of 'GGUF'`);
  }
  const version = await reader.u32("the version");
  if (version === 2 || version === 3) return;
  throw new HeaderProblem(
    version !== 0 && (version & 0xffff) === 0
      ? "it is a big-endian GGUF file; this machine needs a little-endian one"
      : `it is GGUF version ${version}; versions 2 and 3 can be read`,
  );
}

function checkedArchitecture(metadata: Metadata): string {
  const architecture = textOf(metadata, "general.architecture");
  if (architecture === undefined)
    throw new HeaderProblem("it does not say its architecture: it is not a language model");
  if (architectures.has(architecture)) return architecture;
  throw new HeaderProblem(`its architecture '${printable(architecture)}' is not one that llama.cpp 0.5.0 can run`);
}

function checkedAlignment(metadata: Metadata): number {
  const alignment = metadata.get("general.alignment") ?? 32;
  if (typeof alignment === "number" && alignment > 0 && Number.isInteger(Math.log2(alignment))) return alignment;
  throw new HeaderProblem(`its alignment is ${JSON.stringify(alignment)}; a power of two is needed`);
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key);
  return typeof value === "string" ? value : undefined;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
