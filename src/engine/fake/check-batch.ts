import type { ExecutionPlan } from "../../core/execution-plan.ts";
import type { Batch, BatchItem } from "../engine.ts";
import { rowsOf } from "./rows.ts";

interface BatchLimits {
  readonly plan: ExecutionPlan;
  readonly vocabularySize: number;
  readonly held: (slot: number) => number;
}

/** Throws a plain Error, for it is the caller's bug, when a batch breaks a rule of `Engine.step`. */
export function checkBatch(batch: Batch, limits: BatchLimits): void {
  const { plan } = limits;
  const slots = new Set(batch.map((item) => item.slot));
  const tokens = batch.reduce((sum, item) => sum + item.count, 0);
  const rows = batch.reduce((sum, item) => sum + rowsOf(item), 0);
  if (batch.length === 0) throw new Error("the batch is empty");
  if (slots.size < batch.length) throw new Error("the batch names a slot twice");
  if (tokens > plan.batch) throw new Error(`the batch has ${tokens} tokens; the plan allows ${plan.batch}`);
  if (rows > plan.outputs) throw new Error(`the batch asks for ${rows} outputs; the plan allows ${plan.outputs}`);
  batch.forEach((item, index) => {
    const problem = problemOf(item, limits);
    if (problem !== undefined) throw new Error(`item ${index} (slot ${item.slot}): ${problem}`);
  });
}

function problemOf(item: BatchItem, { plan, vocabularySize, held }: BatchLimits): string | undefined {
  const { slot, from, count, tokens } = item;
  if (!Number.isInteger(slot) || slot < 0 || slot >= plan.slots) return `slots are 0..${plan.slots - 1}`;
  if (!Number.isInteger(count) || count < 1) return `its count is ${count}`;
  if (from !== held(slot)) return `it begins at ${from}, and the slot holds ${held(slot)} tokens`;
  if (tokens.length < from + count) return `it reads up to ${from + count} of ${tokens.length} tokens`;
  const wrong = tokens.subarray(from, from + count).find((token) => token < 0 || token >= vocabularySize);
  return wrong === undefined ? undefined : `token ${wrong} is not in 0..${vocabularySize - 1}`;
}
