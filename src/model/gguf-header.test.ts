import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MillraceError } from "../core/errors.ts";
import { damagedModels } from "./damage/testing.ts";
import { readGgufHeader } from "./gguf-header.ts";
import { minilm } from "./real-headers/testing.ts";
import { buildGguf, tinyLlama, tinyTensors, type GgufParts, type GgufValue } from "./testing.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-gguf-"));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
async function fileOf(bytes: Uint8Array): Promise<string> {
  const file = join(folder, `${files++}.gguf`);
  await writeFile(file, bytes);
  return file;
}

/** The problem's words without the file's name, or what the header says. */
async function outcome(bytes: Uint8Array): Promise<string> {
  const file = await fileOf(bytes);
  try {
    return `fine: ${(await readGgufHeader(file)).architecture}`;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(MillraceError);
    expect((thrown as MillraceError).code).toBe("invalid_model_file");
    return (thrown as MillraceError).message.replace(`${file}: `, "");
  } finally {
    await rm(file);
  }
}

function withMetadata(changes: Readonly<Record<string, GgufValue | undefined>>): Buffer {
  const kept = tinyLlama.filter(([key]) => !(key in changes));
  const added = Object.entries(changes).filter((entry): entry is [string, GgufValue] => entry[1] !== undefined);
  return buildGguf({ metadata: [...kept, ...added] });
}

test("a valid file gives its facts", async () => {
  const header = await readGgufHeader(await fileOf(buildGguf()));
  expect(header).toMatchObject({
    architecture: "llama",
    name: "Tiny",
    fileType: "F32",
    contextLength: 512,
    embeddingLength: 32,
    feedForwardLength: 64,
    vocabularySize: 8,
    heads: 4,
    kvHeads: 2,
    keyLength: 8,
    valueLength: 8,
    slidingWindow: 0,
    hasChatTemplate: true,
    parameters: 256 + 1024 + 32,
    tensorBytes: 1024 + 576 + 128,
  });
  expect(header.layers).toEqual(
    Array.from({ length: 2 }, () => ({ keyWidth: 16, valueWidth: 16, sliding: false, stateWidth: 0 })),
  );
  expect(header.tensors[1]).toEqual({
    name: "blk.0.attn_q.weight",
    type: "q4_0",
    dimensions: [32, 32],
    elements: 1024,
    bytes: 576,
    offset: 1024,
  });
});

test("an encoder embeds, and so does a model whose file says how to pool", async () => {
  const embeds = async (changes: Readonly<Record<string, GgufValue>>) =>
    (await readGgufHeader(await fileOf(withMetadata(changes)))).embeds;
  expect(await embeds({})).toBe(false);
  expect(await embeds({ "llama.pooling_type": { u32: 0 } })).toBe(false);
  expect(await embeds({ "llama.pooling_type": { u32: 3 } })).toBe(true);
  expect(minilm.embeds).toBe(true);
  expect(minilm.layers.every(({ keyWidth, valueWidth }) => keyWidth + valueWidth === 0)).toBe(true);
});

test("version 2 is read as well", async () => {
  expect(await outcome(buildGguf({ version: 2 }))).toBe("fine: llama");
});

const tensor = (over: object): GgufParts => ({ tensors: [{ name: "t", dimensions: [32], ...over }] });
const u32 = (value: number) => Buffer.of(value, 0, 0, 0);

describe("what is wrong is named", () => {
  const big = 2n ** 64n - 1n;
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [Buffer.alloc(0), "the file is empty"],
    [Buffer.from("GG"), "not a GGUF file: it begins with 47 47 ('GG') instead of 'GGUF'"],
    [Buffer.from("PK\u0003\u0004zip"), "not a GGUF file: it begins with 50 4b 03 04 ('PK??') instead of 'GGUF'"],
    [
      Buffer.from("GGUF\u0003"),
      "the header ends within the version: it would reach byte 8, the file has 5: it is damaged or truncated",
    ],
    [buildGguf({ version: 1 }), "it is GGUF version 1; versions 2 and 3 can be read"],
    [buildGguf({ version: 0x03000000 }), "it is a big-endian GGUF file; this machine needs a little-endian one"],
    [buildGguf({ tensorCount: big }), `the number of tensors is ${big}: the file is damaged`],
    [
      buildGguf({ tensorCount: 2n ** 40n }),
      "it claims 1099511627776 tensors, more than the file can hold: it is damaged",
    ],
    [
      buildGguf({ metadataCount: 2n ** 40n }),
      "it claims 1099511627776 metadata entries, more than the file can hold: it is damaged",
    ],
    [
      buildGguf({ cut: 1 }),
      "tensor 'output_norm.weight' ends at byte 2528 but the file has 2527: the file is truncated",
    ],
    [buildGguf({ tensors: [] }), "it holds no tensors: it is a vocabulary or a stub, not a model"],
    [buildGguf({ tensors: [...tinyTensors, tinyTensors[0]!] }), "tensor 'token_embd.weight' occurs twice"],
    [
      buildGguf(tensor({ type: 77 })),
      "tensor 't' has the unknown type 77: the file is damaged or newer than this program",
    ],
    [
      buildGguf(tensor({ type: 31 })),
      "tensor 't' is of type q4_0_4_4, which llama.cpp no longer reads; get a newer file of this model",
    ],
    [
      buildGguf(tensor({ type: 2, dimensions: [33] })),
      "tensor 't' has rows of 33 elements, not a multiple of q4_0's block of 32",
    ],
    [buildGguf(tensor({ dimensions: [1, 1, 1, 1, 1] })), "tensor 't' has 5 dimensions; at most 4 are possible"],
    [
      buildGguf(tensor({ dimensions: [2n ** 40n, 2n ** 40n] })),
      "tensor 't' claims the size 1099511627776 x 1099511627776: the file is damaged",
    ],
    [buildGguf(tensor({ offset: 32 })), "tensor 't' is at offset 32, expected 0: the file is damaged"],
    [buildGguf(tensor({ name: "n".repeat(64) })), "the name of tensor 0 has 64 bytes; at most 63 are possible"],
    [
      withMetadata({ "general.architecture": { text: "clip" } }),
      "its architecture 'clip' is not one that llama.cpp 0.5.0 can run",
    ],
    [
      withMetadata({ "general.architecture": undefined }),
      "it does not say its architecture: it is not a language model",
    ],
    [
      withMetadata({ "llama.block_count": undefined }),
      "it does not have 'llama.block_count': it is not a complete model",
    ],
    [withMetadata({ "llama.block_count": { u32: 513 } }), "it claims 513 layers; at most 512 are possible"],
    [withMetadata({ "llama.context_length": { u32: 0 } }), "it claims a context of 0 tokens"],
    [withMetadata({ "llama.context_length": { f32: 0.5 } }), "'llama.context_length' is 0.5; a count is needed"],
    [
      withMetadata({ "llama.attention.head_count_kv": { u32s: [1] } }),
      "'llama.attention.head_count_kv' has 1 entries for 2 layers",
    ],
    [withMetadata({ "general.alignment": { u32: 33 } }), "its alignment is 33; a power of two is needed"],
    [withMetadata({ odd: { raw: [99, Buffer.alloc(8)] } }), "the value of 'odd' has the unknown type 99"],
    [
      withMetadata({ nested: { raw: [9, Buffer.concat([Buffer.of(9, 0, 0, 0), Buffer.alloc(8)])] } }),
      "the value of 'nested' is an array of arrays, which llama.cpp cannot read",
    ],
    [buildGguf({ metadata: [...tinyLlama, tinyLlama[1]!] }), "metadata key 'general.name' occurs twice"],
  ];
  test.each(cases.map(([bytes, problem]) => [problem, bytes] as const))("%s", async (problem, bytes) => {
    expect(await outcome(bytes)).toBe(problem);
  });

  test("a text, an array and an array of texts with lying lengths", async () => {
    const lying = Buffer.alloc(8);
    lying.writeBigUInt64LE(2n ** 50n);
    for (const value of [
      [8, lying],
      [9, Buffer.concat([u32(4), lying])],
      [9, Buffer.concat([u32(8), lying])],
    ] as const) {
      expect(await outcome(withMetadata({ lie: { raw: value } }))).toMatch(
        /the header ends within the value of 'lie': it would reach byte \d+, the file has \d+/,
      );
    }
  });

  test.runIf(process.platform === "linux")("a named pipe is refused, not waited for", async () => {
    const pipe = join(folder, "pipe.gguf");
    execFileSync("/usr/bin/mkfifo", [pipe]);
    await expect(readGgufHeader(pipe)).rejects.toThrow("it is not a regular file");
  });

  test("no file, a directory", async () => {
    await expect(readGgufHeader(join(folder, "none.gguf"))).rejects.toThrow("none.gguf: there is no such file");
    await expect(readGgufHeader(folder)).rejects.toThrow("it is a directory, not a GGUF file");
  });
});

test("a long text and a long array are passed over, over the borders of what is read at once", async () => {
  const texts = Array.from({ length: 200_000 }, (_, i) => `token ${i}`);
  const bytes = withMetadata({
    "tokenizer.ggml.tokens": { texts },
    long: { text: "x".repeat(3_000_000) },
    numbers: { u32s: texts.map((_, i) => i) },
    "llama.rope.scale": { f32: 0.5 },
  });
  const header = await readGgufHeader(await fileOf(bytes));
  expect(header.vocabularySize).toBe(200_000);
});

test("any damage gives a header or a named problem, never anything else", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(damagedModels(), async (bytes) => {
      expect(await outcome(bytes)).toMatch(/^(?:fine: |[a-z'].{10,}$)/s);
    }),
    { numRuns: 2000 },
  );
});
