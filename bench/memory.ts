import { parseArgs } from "node:util";
import { requestOf, promptOf, runBurst } from "../src/bench/engine/burst.ts";
import { defaultPlan, type ExecutionPlan } from "../src/core/execution-plan.ts";
import { threadsForThisMachine } from "../src/host/cpu-quota.ts";
import type { EngineHost } from "../src/host/engine-host.ts";
import { peakBytes } from "../src/host/process-memory.ts";
import { readGgufHeader, type GgufHeader } from "../src/model/gguf-header.ts";
import { estimateMemory, type Load } from "../src/model/memory-estimate.ts";
import { startHost } from "../scripts/chaos/built-host.ts";
import { testModel } from "../test/models.ts";
import { modelOfType } from "./smollm2.ts";

const MIB = 2 ** 20;
const answerTokens = 32;

/** What a plan has other than the usual one, and its prefix cache in MiB. */
interface Case extends Partial<
  Pick<ExecutionPlan, "slots" | "contextPerSlot" | "microBatch" | "kvLayout" | "swaFull">
> {
  readonly kv?: ExecutionPlan["kvTypeK"];
  readonly cache?: number;
}

const usual: Case = { slots: 8, contextPerSlot: 2048 };
const small: Case = { slots: 1, contextPerSlot: 512 };
const many: readonly Case[] = [
  usual,
  small,
  { slots: 16, contextPerSlot: 1024 },
  { slots: 2, contextPerSlot: 8192 },
  { ...usual, kv: "q8_0" },
  { ...usual, microBatch: 128 },
  { ...usual, microBatch: 2048 },
  { ...usual, kvLayout: "unified" },
  { slots: 4, contextPerSlot: 2048, cache: 256 },
];

/** Models that can be pulled or made here, and the plans that are measured with each. */
const models: Readonly<Record<string, { readonly file: () => Promise<string>; readonly cases: readonly Case[] }>> = {
  "SmolLM2 Q4_0": { file: () => modelOfType("q4_0"), cases: many },
  "SmolLM2 Q4_1": { file: () => modelOfType("q4_1"), cases: [usual, small] },
  "SmolLM2 Q8_0": { file: () => modelOfType("q8_0"), cases: [usual, small] },
  "SmolLM2 Q4_K_M": { file: () => modelOfType("q4_k_m"), cases: [usual, small] },
  "SmolLM2 F16": { file: () => modelOfType("f16"), cases: [usual, small] },
  "gemma 3 270M Q4_K_M": {
    file: () => testModel("gemma3"),
    cases: [
      usual,
      small,
      { ...usual, swaFull: true },
      { ...usual, microBatch: 2048 },
      { slots: 4, contextPerSlot: 2048, cache: 128 },
    ],
  },
  "TinyLlama 1.1B IQ2_XXS": { file: () => testModel("tinyllama"), cases: [usual, small] },
};

/**
 * What is estimated for an engine process of the built program, and the most that it had resident after it loaded its model,
 * computed a prompt that fills a slot, answered as many requests as it has slots, with template and sampling, and filled its prefix cache.
 */
export async function memory(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { models: { type: "string", default: "" } } });
  const chosen = Object.entries(models).filter(([name]) => name.toLowerCase().includes(values.models.toLowerCase()));
  console.log("\n| model | plan | estimated MiB | most resident MiB | ratio |\n|---|---|---|---|---|");
  const ratios: number[] = [];
  for (const [name, { file, cases }] of chosen) {
    const header = await readGgufHeader(await file());
    for (const one of cases) {
      const load = loadOf(header, one);
      const estimated = estimateMemory(header, load).total;
      const peak = await measure(header, load);
      ratios.push(estimated / peak);
      const numbers = [estimated / MIB, peak / MIB].map((value) => value.toFixed(0));
      console.log(`| ${name} | ${inWords(one)} | ${numbers.join(" | ")} | ${(estimated / peak).toFixed(3)} |`);
    }
  }
  console.log(
    `\nratios from ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}; 0.9 to 1.1 is wanted`,
  );
}

function loadOf({ file }: GgufHeader, { kv, cache = 0, ...over }: Case): Load {
  const plan = { ...defaultPlan(file, threadsForThisMachine().threads), ...over };
  return {
    plan: {
      ...plan,
      batch: Math.max(plan.batch, plan.microBatch),
      kvTypeK: kv ?? plan.kvTypeK,
      kvTypeV: kv ?? plan.kvTypeV,
    },
    cacheMemory: cache * MIB,
  };
}

/** Bytes. */
async function measure(header: GgufHeader, { plan, cacheMemory }: Load): Promise<number> {
  await using host = await startHost({ engine: "llama", plan }, { cacheMemory });
  await host.ready();
  await work(host, header, { plan, cacheMemory });
  return peakBytes(host.pid!)!;
}

async function work(host: EngineHost, header: GgufHeader, { plan, cacheMemory }: Load): Promise<void> {
  const { signal } = new AbortController();
  const long = host.info!.contextPerSlot - answerTokens; // the buffers of a step grow with what it attends to
  await runBurst(host, [promptOf(0, long)], { answerTokens, signal });
  await Promise.all(Array.from({ length: 2 * plan.slots }, (_, number) => chat(host, header, number)));
  const perToken = estimateMemory(header, { plan, cacheMemory }).kvCache / plan.slots / host.info!.contextPerSlot;
  const prompts = Math.ceil((1.5 * cacheMemory) / (perToken * (long / 2)));
  // Lengths differ, as they do in life: one buffer does not fit the next prefix.
  for (let number = 1; number <= prompts; number++) {
    const length = Math.round(long * (0.25 + 0.5 * ((number * 0.618) % 1)));
    await runBurst(host, [promptOf(1000 * number, length)], { answerTokens: 2, signal });
  }
}

async function chat(host: EngineHost, { hasChatTemplate }: GgufHeader, number: number): Promise<void> {
  const text = `Tell me story number ${number} about the river. ${"It was a long way to the mill. ".repeat(8)}`;
  const request = requestOf(host.model.id, [], answerTokens);
  const sampling = { ...request.sampling, temperature: 0.8, topP: 0.95, seed: number };
  const prompt = hasChatTemplate
    ? ({ kind: "chat", messages: [{ role: "user", content: text }] } as const)
    : ({ kind: "text", text } as const);
  for await (const _ of host.generate({ ...request, prompt, sampling }, new AbortController().signal));
}

function inWords({ slots, contextPerSlot, microBatch, kvLayout, swaFull, kv, cache }: Case): string {
  return [
    `${slots} x ${contextPerSlot}`,
    ...(kv === undefined ? [] : [`KV ${kv}`]),
    ...(microBatch === undefined ? [] : [`micro-batch ${microBatch}`]),
    ...(kvLayout === undefined ? [] : ["one KV cache for all"]),
    ...(swaFull === undefined ? [] : ["whole KV of sliding layers"]),
    ...(cache === undefined ? [] : [`prefix cache ${cache} MiB`]),
  ].join(", ");
}
