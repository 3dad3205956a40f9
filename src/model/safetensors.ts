import * as z from "zod";
import { SourceProblem } from "./source-problem.ts";

/** A tensor of a safetensors file. */
export interface SafeTensor {
  /** "F16", "F32" or "I64". */
  readonly type: string;
  /** The length of a row last. */
  readonly shape: readonly number[];
  /** Row by row, little-endian; a part of the file's bytes. */
  readonly data: Buffer;
}

const whole = z.int().nonnegative();
const headerSchema = z.record(
  z.string(),
  z.object({ dtype: z.string(), shape: z.array(whole), data_offsets: z.tuple([whole, whole]) }),
);
/** Those that are read, and their bytes. */
const typeBytes: ReadonlyMap<string, number> = new Map([
  ["F16", 2],
  ["F32", 4],
  ["I64", 8],
]);

/**
 * The tensors of a safetensors file by their names: a length, as much JSON, then the numbers
 * (https://huggingface.co/docs/safetensors#format). Throws a SourceProblem when it is not one.
 */
export function readSafetensors(file: Buffer): ReadonlyMap<string, SafeTensor> {
  const headerBytes = file.length < 8 ? Infinity : Number(file.readBigUInt64LE());
  if (headerBytes > file.length - 8) throw new SourceProblem("the weights are not a safetensors file");
  const body = file.subarray(8 + headerBytes);
  const tensors = new Map<string, SafeTensor>();
  const entries = Object.entries(parseHeader(file, headerBytes));
  for (const [name, { dtype: type, shape, data_offsets }] of entries) {
    const [from, to] = data_offsets;
    const each = typeBytes.get(type);
    if (each === undefined) throw new SourceProblem(`the weights '${name}' are ${type}, which is not read here`);
    const bytes = shape.reduce((product, size) => product * size, each);
    if (to > body.length || to - from !== bytes) throw new SourceProblem(`the weights '${name}' are not whole`);
    tensors.set(name, { type, shape, data: body.subarray(from, to) });
  }
  const ranges = entries.map(([, { data_offsets }]) => data_offsets).toSorted(([a], [b]) => a - b);
  if (ranges.some(([from], at) => at > 0 && from < ranges[at - 1]![1]))
    throw new SourceProblem("the weights lie one upon the other");
  return tensors;
}

function parseHeader(file: Buffer, bytes: number): z.infer<typeof headerSchema> {
  try {
    const { __metadata__, ...tensors } = JSON.parse(file.toString("utf8", 8, 8 + bytes)) as Record<string, unknown>;
    return headerSchema.parse(tensors);
  } catch (thrown) {
    throw new SourceProblem("the weights have a header that cannot be read", { cause: thrown });
  }
}

/** F16 numbers as F32, both little-endian. */
export function halvesToFloats(halves: Buffer): Buffer {
  const floats = Buffer.alloc(halves.length * 2);
  for (let at = 0; at < halves.length; at += 2) floats.writeFloatLE(halfToFloat(halves.readUInt16LE(at)), at * 2);
  return floats;
}

/** IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
