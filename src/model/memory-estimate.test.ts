import { expect, test } from "vitest";
import { defaultPlan, type ExecutionPlan } from "../core/execution-plan.ts";
import { estimateMemory, type MemoryEstimate } from "./memory-estimate.ts";
import { gemma3, minilm, smollm2, smollm2Q4 } from "./real-headers/testing.ts";

const mebibyte = 1024 * 1024;

const estimate = (header: typeof smollm2, over: Partial<ExecutionPlan> = {}, cacheMemory = 0): MemoryEstimate =>
  estimateMemory(header, { plan: { ...defaultPlan("model.gguf", 2), ...over }, cacheMemory });

/** What llama.cpp 0.5.0 said in its log when it opened the models with as many outputs as slots: KV and compute buffers in MiB. */
const reported: readonly (readonly [
  name: string,
  header: typeof smollm2,
  over: Partial<ExecutionPlan>,
  kv: number,
  compute: number,
])[] = [
  ["SmolLM2", smollm2, {}, 360, 15.51],
  ["SmolLM2", smollm2, { microBatch: 2048 }, 360, 62.05],
  ["SmolLM2", smollm2, { microBatch: 128 }, 360, 3.88],
  ["SmolLM2", smollm2, { contextPerSlot: 8192 }, 1440, 21.51],
  ["SmolLM2", smollm2, { flashAttention: "off" }, 360, 46.38],
  ["SmolLM2", smollm2, { kvTypeK: "q8_0", kvTypeV: "q8_0" }, 191.25, 14.42],
  ["SmolLM2", smollm2, { slots: 64, contextPerSlot: 256 }, 360, 13.76],
  ["SmolLM2", smollm2, { kvLayout: "unified" }, 360, 29.51],
  ["SmolLM2", smollm2, { task: "embed" }, 11.25, 99.9],
  ["SmolLM2", smollm2, { task: "embed", microBatch: 2048 }, 45, 401.12],
  ["MiniLM", minilm, { task: "embed" }, 0, 5.77],
  ["MiniLM", minilm, { task: "embed", microBatch: 2048 }, 0, 29.09],
  ["MiniLM", minilm, { task: "embed", flashAttention: "off" }, 0, 17.52],
  ["gemma 3", gemma3, {}, 168, 20.77],
  ["gemma 3", gemma3, { swaFull: true }, 288, 21.77],
  ["gemma 3", gemma3, { microBatch: 2048 }, 288, 87.08],
  ["gemma 3", gemma3, { microBatch: 128 }, 138, 8.54],
  ["gemma 3", gemma3, { slots: 1 }, 21, 20.77],
  ["gemma 3", gemma3, { slots: 64, contextPerSlot: 512 }, 576, 65.56],
];

test.each(reported)("%s with %3$j: KV %d MiB, compute %d MiB", (...[, header, over, kv, compute]) => {
  const { kvCache, compute: estimated } = estimate(header, over);
  expect(kvCache / mebibyte).toBe(kv);
  expect(Math.abs(estimated / mebibyte / compute - 1)).toBeLessThan(0.1);
});

test("the parts make the total; what was copied can be dropped again, unless it was read and not mapped", () => {
  const { total, droppable, ...parts } = estimate(smollm2Q4, {}, 1000);
  expect(Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
  expect(droppable).toBe(parts.repacked);
  expect(parts.repacked).toBe(process.arch === "x64" || process.arch === "arm64" ? 59_719_680 : 0);
  expect(parts.prefixCache).toBe(1000);
  const read = estimate(smollm2Q4, { loadMode: "read" }, 1000);
  expect([read.total, read.droppable]).toEqual([total - droppable, 0]);
});

test("a call's rows of logits are kept beside its vectors", () => {
  // What came to be resident when calls of so many tokens were computed, but for the compute buffer.
  expect(estimate(minilm, { task: "embed" }).outputs / mebibyte).toBeCloseTo(60.4, 1);
  expect(estimate(minilm, { task: "embed", microBatch: 2048 }).outputs / mebibyte).toBeCloseTo(241.5, 1);
  expect(estimate(minilm, { task: "embed" }).moves).toBe(0);
});

test("one context for all slots, the model's own limit, recurrent layers", () => {
  expect(estimate(gemma3, { kvLayout: "unified" }).kvCache / mebibyte).toBe(48 + 15 * 4.5);
  expect(estimate({ ...smollm2, contextLength: 1000 }).kvCache / mebibyte).toBe(180);
  const layer = { keyWidth: 0, valueWidth: 0, sliding: false, stateWidth: 1000 };
  expect(estimate({ ...smollm2, layers: [layer] }).kvCache).toBe(8 * 1000 * 4);
});

test("a slot's state passes through host memory where there is another slot", () => {
  expect(estimate(smollm2).moves).toBe(45 * mebibyte);
  expect(estimate(smollm2, { slots: 1 }).moves).toBe(0);
});
