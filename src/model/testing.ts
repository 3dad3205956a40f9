import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { tensorTypes } from "./ggml-types.ts";
import { HeaderReader } from "./header-reader.ts";
import { readMetadata } from "./metadata.ts";
import { alignUp, readTensorInfos, type TensorInfo } from "./tensors.ts";

/** Values of a synthetic GGUF file by the format's names for their types. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly u64: bigint }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly u32s: readonly number[] }
  | { readonly bools: readonly boolean[] }
  /** Type number and payload as they are. */
  | { readonly raw: readonly [type: number, bytes: Buffer] };

export interface GgufTensor {
  readonly name: string;
  readonly dimensions: readonly (number | bigint)[];
  /** Number of its type; 0 = f32. */
  readonly type?: number;
  /** Default: behind the tensor before it. */
  readonly offset?: number;
}

export interface GgufParts {
  readonly magic?: string;
  readonly version?: number;
  readonly metadata?: readonly (readonly [key: string, value: GgufValue])[];
  readonly tensors?: readonly GgufTensor[];
  /** What the header claims; default: the truth. */
  readonly metadataCount?: bigint;
  readonly tensorCount?: bigint;
  /** Bytes missing at the end. */
  readonly cut?: number;
}

/** Metadata of a tiny but complete Llama: 2 layers, 4 heads (2 for keys and values), 32 wide, 8 tokens. */
export const tinyLlama: readonly (readonly [string, GgufValue])[] = [
  ["general.architecture", { text: "llama" }],
  ["general.name", { text: "Tiny" }],
  ["general.file_type", { u32: 0 }],
  ["llama.block_count", { u32: 2 }],
  ["llama.context_length", { u32: 512 }],
  ["llama.embedding_length", { u32: 32 }],
  ["llama.feed_forward_length", { u32: 64 }],
  ["llama.attention.head_count", { u32: 4 }],
  ["llama.attention.head_count_kv", { u32: 2 }],
  ["tokenizer.ggml.tokens", { texts: ["a", "b", "c", "d", "e", "f", "g", "<eos>"] }],
  ["tokenizer.ggml.scores", { u32s: [1, 2, 3] }],
  ["tokenizer.chat_template", { text: "{{ messages }}" }],
];

export const tinyTensors: readonly GgufTensor[] = [
  { name: "token_embd.weight", dimensions: [32, 8] },
  { name: "blk.0.attn_q.weight", dimensions: [32, 32], type: 2 },
  { name: "output_norm.weight", dimensions: [32] },
];

/** The bytes of a GGUF file; without arguments a valid one. */
export function buildGguf(parts: GgufParts = {}): Buffer {
  const metadata = parts.metadata ?? tinyLlama;
  const tensors = parts.tensors ?? tinyTensors;
  const infos: Buffer[] = [];
  let dataBytes = 0;
  for (const tensor of tensors) {
    const offset = tensor.offset ?? alignUp(dataBytes, 32);
    infos.push(
      text(tensor.name),
      u32(tensor.dimensions.length),
      ...tensor.dimensions.map((size) => u64(BigInt(size))),
      u32(tensor.type ?? 0),
      u64(BigInt(offset)),
    );
    if (offset < mostBytes) dataBytes = offset + tensorBytes(tensor);
  }
  const header = Buffer.concat([
    Buffer.from(parts.magic ?? "GGUF", "latin1"),
    u32(parts.version ?? 3),
    u64(parts.tensorCount ?? BigInt(tensors.length)),
    u64(parts.metadataCount ?? BigInt(metadata.length)),
    ...metadata.flatMap(([key, value]) => [text(key), valueBytes(value)]),
    ...infos,
  ]);
  const file = Buffer.alloc(alignUp(header.length, 32) + dataBytes);
  header.copy(file);
  return file.subarray(0, file.length - (parts.cut ?? 0));
}

/** No tensor of the builder's has so many; what claims more is a lie. */
const mostBytes = 4e6;

/** Only for what the builder is used with: f32 and q4_0; anything else, and a lie, takes no room. */
function tensorBytes({ dimensions, type = 0 }: GgufTensor): number {
  const elements = Number(dimensions.reduce<bigint>((product, size) => product * BigInt(size), 1n));
  const bytes = type === 0 ? elements * 4 : type === 2 ? Math.floor(elements / 32) * 18 : 0;
  return bytes < mostBytes ? bytes : 0;
}

function valueBytes(value: GgufValue): Buffer {
  if ("u32" in value) return Buffer.concat([u32(4), u32(value.u32)]);
  if ("u64" in value) return Buffer.concat([u32(10), u64(value.u64)]);
  if ("bool" in value) return Buffer.concat([u32(7), Buffer.of(Number(value.bool))]);
  if ("text" in value) return Buffer.concat([u32(8), text(value.text)]);
  if ("texts" in value) return array(8, value.texts.map(text));
  if ("u32s" in value) return array(4, value.u32s.map(u32));
  if ("bools" in value)
    return array(
      7,
      value.bools.map((item) => Buffer.of(Number(item))),
    );
  if ("raw" in value) return Buffer.concat([u32(value.raw[0]), value.raw[1]]);
  const float = Buffer.alloc(4);
  float.writeFloatLE(value.f32);
  return Buffer.concat([u32(6), float]);
}

function array(type: number, items: readonly Buffer[]): Buffer {
  return Buffer.concat([u32(9), u32(type), u64(BigInt(items.length)), ...items]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([u64(BigInt(bytes.length)), bytes]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

/** A zip archive without compression. */
export function zipOf(members: Readonly<Record<string, Uint8Array>>): Buffer {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(members)) {
    const names = Buffer.from(name);
    // Version, flags, method, time, date, checksum, sizes, name length, extra length.
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(20, 0);
    facts.writeUInt32LE(crc32(bytes), 10);
    facts.writeUInt32LE(bytes.length, 14);
    facts.writeUInt32LE(bytes.length, 18);
    facts.writeUInt16LE(names.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), facts, names, bytes]);
    locals.push(local);
    entries.push(Buffer.from("PK\u0001\u0002\u0014\u0000"), facts, place, names);
    offset += local.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006");
  end.writeUInt16LE(locals.length, 8);
  end.writeUInt16LE(locals.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** A tar archive of regular files. */
export function tarOf(members: Readonly<Record<string, Uint8Array>>): Buffer {
  const blocks = Object.entries(members).flatMap(([name, bytes]) => {
    const header = Buffer.alloc(512);
    header.write(name);
    header.write(`${bytes.length.toString(8).padStart(11, "0")} `, 124);
    header.write("0", 156);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** The same model in parts, as llama.cpp's gguf-split cuts it: metadata in the first, tensors in all. */
export async function splitGguf(model: Buffer, parts: number): Promise<Buffer[]> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-split-"));
  const file = join(folder, "model.gguf");
  await writeFile(file, model);
  const handle = await open(file, "r");
  try {
    const reader = new HeaderReader(handle, model.length);
    await reader.skip(8, "magic and version");
    const tensorCount = await reader.size("tensors");
    const metadataCount = await reader.size("metadata");
    await readMetadata(reader, metadataCount);
    const metadata = model.subarray(24, reader.position);
    const tensors = await readTensorInfos(reader, tensorCount);
    const dataStart = alignUp(reader.position, 32);
    const perPart = Math.ceil(tensors.length / parts);
    return Array.from({ length: parts }, (_, part) => {
      const split = splitEntries({ part, parts, tensors: tensors.length });
      const own = part === 0 ? [metadata] : [];
      const chosen = tensors.slice(part * perPart, (part + 1) * perPart);
      return partOf(chosen, {
        entries: [...own, ...split],
        count: (part === 0 ? metadataCount : 0) + 3,
        model,
        dataStart,
      });
    });
  } finally {
    await handle.close();
    await rm(folder, { recursive: true });
  }
}

function splitEntries({ part, parts, tensors }: { part: number; parts: number; tensors: number }): Buffer[] {
  return [
    Buffer.concat([text("split.no"), u32(2), u16(part)]),
    Buffer.concat([text("split.count"), u32(2), u16(parts)]),
    Buffer.concat([text("split.tensors.count"), u32(5), u32(tensors)]),
  ];
}

interface PartContent {
  readonly entries: readonly Buffer[];
  readonly count: number;
  readonly model: Buffer;
  readonly dataStart: number;
}

function partOf(tensors: readonly TensorInfo[], { entries, count, model, dataStart }: PartContent): Buffer {
  const infos: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const { name, dimensions, type, offset: from, bytes } of tensors) {
    const [id] = [...tensorTypes].find(([, { name: known }]) => known === type)!;
    const sizes = dimensions.map((size) => u64(BigInt(size)));
    infos.push(text(name), u32(dimensions.length), ...sizes, u32(id), u64(BigInt(offset)));
    const padded = Buffer.alloc(alignUp(bytes, 32));
    model.copy(padded, 0, dataStart + from, dataStart + from + bytes);
    data.push(padded);
    offset += padded.length;
  }
  const counts = [u64(BigInt(tensors.length)), u64(BigInt(count))];
  const header = Buffer.concat([Buffer.from("GGUF"), u32(3), ...counts, ...entries, ...infos]);
  return Buffer.concat([header, Buffer.alloc(alignUp(header.length, 32) - header.length), ...data]);
}
