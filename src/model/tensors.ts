import { removedTensorTypes, tensorTypes } from "./ggml-types.ts";
import { HeaderProblem, type HeaderReader } from "./header-reader.ts";
import { printable } from "./metadata.ts";

export interface TensorInfo {
  readonly name: string;
  /** Name of the number format, as llama.cpp calls it ("q4_K"). */
  readonly type: string;
  readonly dimensions: readonly number[];
  readonly elements: number;
  readonly bytes: number;
  /** From the beginning of the data section. */
  readonly offset: number;
}

/** llama.cpp's `GGML_MAX_DIMS` and `GGML_MAX_NAME` (with its terminating zero). */
const maxDimensions = 4;
const maxNameBytes = 63;
/** Name length, dimension count, type, offset. */
const minInfoBytes = 24;

export async function readTensorInfos(reader: HeaderReader, count: number): Promise<TensorInfo[]> {
  if (count > reader.remaining / minInfoBytes) {
    throw new HeaderProblem(`it claims ${count} tensors, more than the file can hold: it is damaged`);
  }
  const tensors: TensorInfo[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    const tensor = await readTensorInfo(reader, i);
    if (names.has(tensor.name)) throw new HeaderProblem(`tensor '${printable(tensor.name)}' occurs twice`);
    names.add(tensor.name);
    tensors.push(tensor);
  }
  return tensors;
}

async function readTensorInfo(reader: HeaderReader, index: number): Promise<TensorInfo> {
  const nameBytes = await reader.size(`the length of the name of tensor ${index}`);
  if (nameBytes > maxNameBytes) {
    throw new HeaderProblem(`the name of tensor ${index} has ${nameBytes} bytes; at most ${maxNameBytes} are possible`);
  }
  const name = (await reader.bytes(nameBytes, `the name of tensor ${index}`)).toString("utf8");
  const what = `tensor '${printable(name)}'`;
  const dimensionCount = await reader.u32(what);
  if (dimensionCount > maxDimensions) {
    throw new HeaderProblem(`${what} has ${dimensionCount} dimensions; at most ${maxDimensions} are possible`);
  }
  const dimensions: number[] = [];
  for (let i = 0; i < dimensionCount; i++) dimensions.push(await reader.size(`dimension ${i} of ${what}`));
  const typeId = await reader.u32(what);
  const offset = await reader.size(`the offset of ${what}`);
  return { name, dimensions, offset, ...measure(what, dimensions, typeId) };
}

function measure(what: string, dimensions: readonly number[], typeId: number) {
  const type = tensorTypes.get(typeId);
  if (type === undefined) {
    const removed = removedTensorTypes.get(typeId);
    throw new HeaderProblem(
      removed === undefined
        ? `${what} has the unknown type ${typeId}: the file is damaged or newer than this program`
        : `${what} is of type ${removed}, which llama.cpp no longer reads; get a newer file of this model`,
    );
  }
  const row = dimensions[0] ?? 1;
  if (row % type.block !== 0) {
    throw new HeaderProblem(
      `${what} has rows of ${row} elements, not a multiple of ${type.name}'s block of ${type.block}`,
    );
  }
  const elements = dimensions.reduce((product, size) => product * BigInt(size), 1n);
  const bytes = (elements / BigInt(type.block)) * BigInt(type.bytes);
  if (elements > BigInt(Number.MAX_SAFE_INTEGER) || bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new HeaderProblem(`${what} claims the size ${dimensions.join(" x ")}: the file is damaged`);
  }
  return { type: type.name, elements: Number(elements), bytes: Number(bytes) };
}

/**
 * Checks that the tensors lie one after the other, each at the file's alignment, as llama.cpp demands, and within the file.
 * `dataStart` and `fileBytes` are positions in the file.
 */
export function checkLayout(
  tensors: readonly TensorInfo[],
  { dataStart, alignment, fileBytes }: { dataStart: number; alignment: number; fileBytes: number },
): void {
  let expected = 0;
  for (const tensor of tensors) {
    const what = `tensor '${printable(tensor.name)}'`;
    if (tensor.offset !== expected) {
      throw new HeaderProblem(`${what} is at offset ${tensor.offset}, expected ${expected}: the file is damaged`);
    }
    const end = dataStart + tensor.offset + tensor.bytes;
    if (end > fileBytes) {
      throw new HeaderProblem(`${what} ends at byte ${end} but the file has ${fileBytes}: the file is truncated`);
    }
    expected = alignUp(tensor.offset + tensor.bytes, alignment);
  }
}

/** Both within the safe integers; `alignment` is a power of two up to 2^31. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
