import fc from "fast-check";
import { buildGguf, type GgufParts, type GgufTensor, type GgufValue } from "../testing.ts";

const tokens = [
  "<unk>",
  "<s>",
  "</s>",
  ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  ...Array.from("▁abcdefghijklmnopqrstuvwxyz"),
];
/** llama.cpp's LLAMA_TOKEN_TYPE: normal, unknown, control, byte. */
const typeOf = (id: number): number => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1);

/** A whole model that llama.cpp loads and runs, of 60 KB; all its weights are 0. */
export const wholeModel = {
  metadata: [
    ["general.architecture", { text: "llama" }],
    ["general.name", { text: "Whole" }],
    ["general.alignment", { u32: 32 }],
    ["llama.block_count", { u32: 1 }],
    ["llama.context_length", { u32: 512 }],
    ["llama.embedding_length", { u32: 32 }],
    ["llama.feed_forward_length", { u32: 64 }],
    ["llama.attention.head_count", { u32: 4 }],
    ["llama.attention.head_count_kv", { u32: 2 }],
    ["llama.attention.layer_norm_rms_epsilon", { f32: 1e-5 }],
    ["llama.rope.dimension_count", { u32: 8 }],
    ["llama.rope.freq_base", { f32: 10_000 }],
    ["tokenizer.ggml.model", { text: "llama" }],
    ["tokenizer.ggml.tokens", { texts: tokens }],
    ["tokenizer.ggml.scores", numbers(6, tokens, (bytes, id) => bytes.writeFloatLE(-id))],
    ["tokenizer.ggml.token_type", numbers(5, tokens, (bytes, id) => bytes.writeInt32LE(typeOf(id)))],
    ["tokenizer.ggml.bos_token_id", { u32: 1 }],
    ["tokenizer.ggml.eos_token_id", { u32: 2 }],
  ],
  tensors: [
    { name: "token_embd.weight", dimensions: [32, tokens.length] },
    { name: "output_norm.weight", dimensions: [32] },
    { name: "blk.0.attn_norm.weight", dimensions: [32] },
    { name: "blk.0.attn_q.weight", dimensions: [32, 32], type: 2 },
    { name: "blk.0.attn_k.weight", dimensions: [32, 16] },
    { name: "blk.0.attn_v.weight", dimensions: [32, 16] },
    { name: "blk.0.attn_output.weight", dimensions: [32, 32] },
    { name: "blk.0.ffn_norm.weight", dimensions: [32] },
    { name: "blk.0.ffn_gate.weight", dimensions: [32, 64] },
    { name: "blk.0.ffn_down.weight", dimensions: [64, 32] },
    { name: "blk.0.ffn_up.weight", dimensions: [32, 64] },
  ],
} as const satisfies GgufParts;

function numbers(type: number, of: readonly unknown[], write: (bytes: Buffer, at: number) => void): GgufValue {
  const items = of.map((_, at) => {
    const bytes = Buffer.alloc(4);
    write(bytes, at);
    return bytes;
  });
  const head = Buffer.alloc(12);
  head.writeUInt32LE(type);
  head.writeBigUInt64LE(BigInt(of.length), 4);
  return { raw: [9, Buffer.concat([head, ...items])] };
}

const lies = fc.constantFrom(0n, 1n, 255n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n);
const anyCount = fc.oneof(lies, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));

/** Arrays within arrays, the innermost one of nothing. */
const nested: fc.Arbitrary<GgufValue> = fc.integer({ min: 1, max: 2000 }).map((depth) => {
  const level = Buffer.alloc(12);
  level.writeUInt32LE(9);
  level.writeBigUInt64LE(1n, 4);
  return { raw: [9, Buffer.concat(Array.from({ length: depth }, () => level))] };
});

const strangeValue: fc.Arbitrary<GgufValue> = fc.oneof(
  fc.constantFrom(0, 1, 7, 2 ** 16, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1).map((u32) => ({ u32 })),
  lies.map((u64) => ({ u64 })),
  fc.constantFrom(NaN, Infinity, -Infinity, -0, 1e-45, 3.4e38).map((f32) => ({ f32 })),
  fc.boolean().map((bool) => ({ bool })),
  fc.constantFrom("", "llama", "x".repeat(2_000_000), "\0", "\u{202e}évil\n").map((text) => ({ text })),
  fc
    .constantFrom(
      [],
      [""],
      ["a", "a"],
      Array.from({ length: 70_000 }, () => "t"),
    )
    .map((texts) => ({ texts })),
  fc.constantFrom([], [0], [2 ** 32 - 1, 0]).map((u32s) => ({ u32s })),
  fc
    .tuple(fc.nat({ max: 20 }), fc.uint8Array({ maxLength: 32 }))
    .map(([type, bytes]) => ({ raw: [type, Buffer.from(bytes)] as const })),
  nested,
);

/** What only native code can find out: numbers that may be, and are not those of this model. */
const wrongNumber: fc.Arbitrary<GgufValue> = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 5, 8, 31, 33, 64, 300, 1000, 65_536).map((u32) => ({ u32 })),
  fc.constantFrom(NaN, Infinity, 0, -1, 1e-45, 3.4e38).map((f32) => ({ f32 })),
);

const strangeTensor: fc.Arbitrary<Partial<GgufTensor>> = fc.oneof(
  fc.nat({ max: 50 }).map((type) => ({ type })),
  fc.array(fc.oneof(lies, fc.bigInt({ min: 0n, max: 4096n })), { maxLength: 5 }).map((dimensions) => ({ dimensions })),
  fc.constantFrom(1, 31, 32, 2 ** 20, 2 ** 40).map((offset) => ({ offset })),
  fc.constantFrom("", "token_embd.weight", "t".repeat(64), "blk.999999999.attn_q.weight").map((name) => ({ name })),
);

type Change<T> = (whole: T) => T;

const otherValue = fc
  .record({ at: fc.nat(), value: fc.oneof(strangeValue, wrongNumber, wrongNumber) })
  .map(({ at, value }): Change<GgufParts> => (parts) => ({
    ...parts,
    metadata: replaced(parts.metadata ?? [], at, ([key]) => [[key, value]]),
  }));
const otherTensor = fc
  .record({ at: fc.nat(), change: strangeTensor })
  .map(({ at, change }): Change<GgufParts> => (parts) => ({
    ...parts,
    tensors: replaced(parts.tensors ?? [], at, (tensor) => [{ ...tensor, ...change }]),
  }));
const withoutEntry = fc.nat().map((at): Change<GgufParts> => (parts) => ({
  ...parts,
  metadata: replaced(parts.metadata ?? [], at, () => []),
}));
const withoutTensor = fc.nat().map((at): Change<GgufParts> => (parts) => ({
  ...parts,
  tensors: replaced(parts.tensors ?? [], at, () => []),
}));
const doubledEntry = fc.nat().map((at): Change<GgufParts> => (parts) => ({
  ...parts,
  metadata: replaced(parts.metadata ?? [], at, (entry) => [entry, entry]),
}));
const otherClaim = fc
  .record({ metadataCount: anyCount, tensorCount: anyCount, version: fc.constantFrom(0, 1, 4, 0x03000000) })
  .chain((claims) =>
    fc
      .constantFrom<keyof typeof claims>("metadataCount", "tensorCount", "version")
      .map((which) => ({ [which]: claims[which] })),
  )
  .map((claim): Change<GgufParts> => (parts) => ({ ...parts, ...claim }));

/** What the header says of what follows it. */
const changedParts: fc.Arbitrary<Change<GgufParts>> = fc.oneof(
  { arbitrary: otherValue, weight: 6 },
  { arbitrary: otherTensor, weight: 2 },
  withoutEntry,
  withoutTensor,
  doubledEntry,
  otherClaim,
);

function replaced<T>(items: readonly T[], at: number, by: (item: T) => readonly T[]): readonly T[] {
  return items.flatMap((item, i) => (i === at % items.length ? by(item) : [item]));
}

/** Bytes of the header, which is all but the last `dataBytes`. */
function changedBytes(headerBytes: number): fc.Arbitrary<Change<Buffer>> {
  const at = fc.nat({ max: headerBytes - 9 });
  return fc.oneof(
    fc.record({ at, value: fc.nat({ max: 255 }) }).map(({ at, value }) => spliced(at, 1, Buffer.of(value))),
    fc.record({ at, value: anyCount }).map(({ at, value }) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(value);
      return spliced(at, 8, bytes);
    }),
    fc.record({ at, bytes: fc.uint8Array({ maxLength: 16 }) }).map(({ at, bytes }) => spliced(at, 0, bytes)),
    fc.nat({ max: 2 * headerBytes }).map(
      (end): Change<Buffer> =>
        (whole) =>
          whole.subarray(0, end),
    ),
  );
}

function spliced(at: number, count: number, bytes: Uint8Array): Change<Buffer> {
  return (whole) => Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + count)]);
}

/**
 * Files made of `parts` whose headers are damaged in one to three places: lying counts, sizes and types, NaN, nested
 * arrays, huge texts, missing and double entries, flipped, missing and additional bytes. Some are as good as before.
 */
export function damagedModels(parts: GgufParts = wholeModel): fc.Arbitrary<Buffer> {
  const headerBytes = buildGguf({
    ...parts,
    tensors: parts.tensors?.map((tensor) => ({ ...tensor, dimensions: [0] })),
  });
  const bytes = changedBytes(headerBytes.length);
  const inParts = fc
    .array(changedParts, { minLength: 1, maxLength: 2 })
    .map((changes) => buildGguf(changes.reduce<GgufParts>((made, change) => change(made), parts)));
  const inBytes = fc
    .array(bytes, { minLength: 1, maxLength: 3 })
    .map((changes) => changes.reduce<Buffer>((made, change) => change(made), buildGguf(parts)));
  const inBoth = fc.tuple(changedParts, bytes).map(([first, second]) => second(buildGguf(first(parts))));
  return fc.oneof({ arbitrary: inParts, weight: 3 }, { arbitrary: inBytes, weight: 2 }, inBoth);
}
