import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { BertFiles } from "./bert-conversion.ts";
import { tensorTypes } from "./ggml-types.ts";
import { array, encodeValue, text, u32, u64, type GgufValue as WrittenValue } from "./gguf-encoding.ts";
import { HeaderReader } from "./header-reader.ts";
import { readMetadata } from "./metadata.ts";
import { alignUp, readTensorInfos, type TensorInfo } from "./tensors.ts";

/** Values of a synthetic GGUF file by the format's names for their types: more of them than we write. */
export type GgufValue =
  | WrittenValue
  | { readonly u64: bigint }
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
  if ("u64" in value) return Buffer.concat([u32(10), u64(value.u64)]);
  if ("u32s" in value) return array(4, value.u32s.map(u32));
  if ("raw" in value) return Buffer.concat([u32(value.raw[0]), value.raw[1]]);
  if (!("bools" in value)) return encodeValue(value);
  return array(
    7,
    value.bools.map((item) => Buffer.of(Number(item))),
  );
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

/** A safetensors file of F16 numbers, all 1, with an entry about itself as Python writes it. */
export function safetensorsOf(shapes: Readonly<Record<string, readonly number[]>>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let end = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const begin = end;
    end += shape.reduce((product, size) => product * size, 2);
    header[name] = { dtype: "F16", shape, data_offsets: [begin, end] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const one = Buffer.of(0x00, 0x3c);
  return Buffer.concat([u64(BigInt(json.length)), json, Buffer.alloc(end, one)]);
}

/** The files of a BERT of one layer, 4 wide, with 8 tokens; not all of its tensors. */
export function tinyBert(): BertFiles {
  const config = {
    model_type: "bert",
    hidden_act: "gelu",
    hidden_size: 4,
    intermediate_size: 8,
    layer_norm_eps: 1e-12,
    max_position_embeddings: 16,
    num_attention_heads: 2,
    num_hidden_layers: 1,
    type_vocab_size: 2,
    vocab_size: 8,
  };
  const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const words = [...special, "run", "##ning", "[unused1]"];
  const tokenizer = {
    added_tokens: special.map((content, id) => ({ id, content, special: true })),
    normalizer: { type: "BertNormalizer", lowercase: true },
    model: {
      type: "WordPiece",
      continuing_subword_prefix: "##",
      vocab: Object.fromEntries(words.map((word, id) => [word, id])),
    },
  };
  const layer = "encoder.layer.0";
  const weights = safetensorsOf({
    "embeddings.word_embeddings.weight": [8, 4],
    "embeddings.position_embeddings.weight": [16, 4],
    "embeddings.token_type_embeddings.weight": [2, 4],
    "embeddings.LayerNorm.weight": [4],
    "embeddings.LayerNorm.bias": [4],
    [`${layer}.attention.self.query.weight`]: [4, 4],
    [`${layer}.attention.output.LayerNorm.bias`]: [4],
    [`${layer}.intermediate.dense.weight`]: [8, 4],
    [`${layer}.output.dense.weight`]: [4, 8],
    [`${layer}.output.LayerNorm.weight`]: [4],
    "pooler.dense.weight": [4, 4],
  });
  return { config: Buffer.from(JSON.stringify(config)), tokenizer: Buffer.from(JSON.stringify(tokenizer)), weights };
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
