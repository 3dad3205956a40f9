import type { BatchItem, Engine, StepOutput } from "../engine/engine.ts";
import { scores } from "./sequence.ts";
import { samplesAfter, type Filler, type PlanItem, type StepPlan } from "./step-plan.ts";

type Computing = Pick<Engine, "step" | "trim">;

/** Has the engine compute a plan. The output's items are the plan's; what its fillers computed is forgotten again. */
export function computePlan(engine: Computing, { items, fillers }: StepPlan): StepOutput {
  if (fillers.length === 0) return engine.step(items.map(batchItemOf));
  // A slot that counts as empty may still hold what nobody wants.
  for (const { slot, from } of fillers) engine.trim(slot, from);
  const batch = [...items.map(batchItemOf), ...fillers.map(batchItemOfFiller)].toSorted((a, b) => a.slot - b.slot);
  const output = engine.step(batch);
  for (const { slot, from } of fillers) engine.trim(slot, from);
  const places = items.map(({ slot }) => batch.findIndex((other) => other.slot === slot));
  return { status: output.status, logits: (item, at) => output.logits(places[item]!, at) };
}

function batchItemOf(item: PlanItem): BatchItem {
  const { slot, sequence, from, count } = item;
  const outputs = scores(sequence) ? "all" : samplesAfter(item) ? "last" : "none";
  return { slot, tokens: sequence.tokens, from, count, outputs };
}

/** Any token will do: every vocabulary has one with the number 0. */
let zeros = new Int32Array(0);

function batchItemOfFiller({ slot, from }: Filler): BatchItem {
  if (zeros.length <= from) zeros = new Int32Array(2 * from + 1);
  return { slot, tokens: zeros, from, count: 1, outputs: "none" };
}
