import { tensorTypes } from "./ggml-types.ts";
import { encodeValue, text, u32, u64, type GgufValue } from "./gguf-encoding.ts";
import { alignUp } from "./tensors.ts";

/** A tensor to be written. */
export interface GgufTensor {
  readonly name: string;
  readonly type: "f16" | "f32";
  /** As GGUF has them: the length of a row first. */
  readonly dimensions: readonly number[];
  /** Row by row, little-endian. */
  readonly data: Uint8Array;
}

/** What is to stand in a file. */
export interface GgufContent {
  readonly metadata: readonly (readonly [key: string, value: GgufValue])[];
  readonly tensors: readonly GgufTensor[];
}

const alignment = 32;
const typeNumbers = new Map([...tensorTypes].map(([number, { name }]) => [name, number]));

/** The bytes of a GGUF file (version 3), front to back; the same content gives the same bytes. */
export function* ggufFile({ metadata, tensors }: GgufContent): Generator<Uint8Array> {
  const infos: Buffer[] = [];
  let offset = 0;
  for (const { name, type, dimensions, data } of tensors) {
    const sizes = dimensions.map((size) => u64(BigInt(size)));
    infos.push(text(name), u32(dimensions.length), ...sizes, u32(typeNumbers.get(type)!), u64(BigInt(offset)));
    offset = alignUp(offset + data.length, alignment);
  }
  const header = Buffer.concat([
    Buffer.from("GGUF"),
    u32(3),
    u64(BigInt(tensors.length)),
    u64(BigInt(metadata.length)),
    ...metadata.flatMap(([key, value]) => [text(key), encodeValue(value)]),
    ...infos,
  ]);
  yield* paddedToAlignment(header);
  for (const { data } of tensors) yield* paddedToAlignment(data);
}

function* paddedToAlignment(bytes: Uint8Array): Generator<Uint8Array> {
  yield bytes;
  const missing = alignUp(bytes.length, alignment) - bytes.length;
  if (missing > 0) yield Buffer.alloc(missing);
}
