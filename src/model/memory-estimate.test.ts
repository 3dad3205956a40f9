import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { defaultPlan, type ExecutionPlan } from "../core/execution-plan.ts";
import { assertFits } from "./assert-fits.ts";
import { readGgufHeader, type GgufHeader } from "./gguf-header.ts";
import { estimateMemory } from "./memory-estimate.ts";
import { buildGguf, tinyLlama, type GgufValue } from "./testing.ts";

const mebibyte = 1024 * 1024;

async function headerOf(architecture: string, facts: Readonly<Record<string, GgufValue>>): Promise<GgufHeader> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-memory-"));
  try {
    const file = join(folder, "model.gguf");
    const metadata = [
      ["general.architecture", { text: architecture }] as const,
      ...tinyLlama.filter(([key]) => key.startsWith("tokenizer.")),
      ...Object.entries(facts).map(([key, value]) => [`${architecture}.${key}`, value] as const),
    ];
    await writeFile(file, buildGguf({ metadata }));
    return await readGgufHeader(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The two models of the tests, with their real sizes. */
async function smollm2(): Promise<GgufHeader> {
  const header = await headerOf("llama", {
    block_count: { u32: 30 },
    context_length: { u32: 8192 },
    embedding_length: { u32: 576 },
    feed_forward_length: { u32: 1536 },
    "attention.head_count": { u32: 9 },
    "attention.head_count_kv": { u32: 3 },
  });
  return { ...header, vocabularySize: 49_152, tensorBytes: 96_576_768 };
}
async function gemma3(): Promise<GgufHeader> {
  const header = await headerOf("gemma3", {
    block_count: { u32: 18 },
    context_length: { u32: 32_768 },
    embedding_length: { u32: 640 },
    feed_forward_length: { u32: 2048 },
    "attention.head_count": { u32: 4 },
    "attention.head_count_kv": { u32: 1 },
    "attention.key_length": { u32: 256 },
    "attention.value_length": { u32: 256 },
    "attention.sliding_window": { u32: 512 },
  });
  return { ...header, vocabularySize: 262_144, tensorBytes: 246_582_784 };
}

const plan = (over: Partial<ExecutionPlan> = {}) => ({ ...defaultPlan("model.gguf", 2), ...over });

/** What llama.cpp 0.5.0 said in its log when it opened the models: KV and compute buffers in MiB. */
const reported: readonly (readonly [() => Promise<GgufHeader>, Partial<ExecutionPlan>, kv: number, compute: number])[] =
  [
    [smollm2, {}, 360, 15.51],
    [smollm2, { microBatch: 2048 }, 360, 62.05],
    [smollm2, { microBatch: 128 }, 360, 12.42],
    [smollm2, { contextPerSlot: 8192 }, 1440, 21.51],
    [smollm2, { outputs: 512 }, 360, 102.51],
    [smollm2, { flashAttention: "off" }, 360, 46.38],
    [smollm2, { kvTypeK: "q8_0", kvTypeV: "q8_0" }, 191.25, 14.42],
    [gemma3, {}, 168, 65.41],
    [gemma3, { swaFull: true }, 288, 65.41],
    [gemma3, { outputs: 512 }, 168, 514.5],
    [gemma3, { microBatch: 2048 }, 288, 87.08],
    [gemma3, { slots: 1 }, 21, 65.41],
  ];

test.each(reported)("%o with %o: KV %d MiB, compute %d MiB", async (...[header, over, kv, compute]) => {
  const estimate = estimateMemory(await header(), plan(over));
  expect(estimate.kvCache / mebibyte).toBe(kv);
  expect(Math.abs(estimate.compute / mebibyte / compute - 1)).toBeLessThan(0.1);
});

test("the sum is near the resident memory that was measured", async () => {
  // A bare Node process with the library, after decoding two full micro-batches: 544 MiB.
  expect(Math.abs(estimateMemory(await smollm2(), plan()).total / mebibyte / 544 - 1)).toBeLessThan(0.1);
});

test("one context for all slots, the model's own limit, per-layer heads, recurrent layers", async () => {
  const unified = estimateMemory(await gemma3(), plan({ kvLayout: "unified" }));
  expect(unified.kvCache / mebibyte).toBe(48 + 15 * 4.5);
  const short = estimateMemory({ ...(await smollm2()), contextLength: 1000 }, plan());
  expect(short.kvCache / mebibyte).toBe(180);
  const header = await smollm2();
  const layer = { keyWidth: 0, valueWidth: 0, sliding: false, stateWidth: 1000 };
  expect(estimateMemory({ ...header, layers: [layer] }, plan()).kvCache).toBe(8 * 1000 * 4);
});

test("what does not fit is refused with the numbers and the nearest that fits", async () => {
  const header = await smollm2();
  const refusal = (mebibytes: number) => {
    try {
      assertFits(header, plan(), mebibytes * mebibyte);
      return "fits";
    } catch (thrown) {
      return (thrown as Error).message;
    }
  };
  expect(refusal(2048)).toBe("fits");
  expect(refusal(400)).toMatch(
    /^this model needs about \d+ MiB \(weights 92\.1 MiB, context 360 MiB, the rest \d+ MiB\) and 400 MiB can be had; --parallel \d or --context \d+ would fit$/,
  );
  expect(refusal(240)).toMatch(/--parallel 1 --context \d+ would fit$/);
  expect(refusal(100)).toMatch(/no shorter context fits/);
});

test("what the advice names does fit", async () => {
  const header = await smollm2();
  for (let available = 220; available < 560; available += 20) {
    const message = (() => {
      try {
        assertFits(header, plan(), available * mebibyte);
        return "";
      } catch (thrown) {
        return (thrown as Error).message;
      }
    })();
    const slots = /--parallel (\d+)/.exec(message)?.[1];
    const context = /--context (\d+)/.exec(message)?.[1];
    const changes: Partial<ExecutionPlan>[] = message.includes(" or --context")
      ? [{ slots: Number(slots) }, { contextPerSlot: Number(context) }]
      : [{ ...(slots && { slots: Number(slots) }), ...(context && { contextPerSlot: Number(context) }) }];
    expect(changes.length).toBeGreaterThan(0);
    for (const change of changes) assertFits(header, plan(change), available * mebibyte);
  }
});
