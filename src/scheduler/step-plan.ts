import type { Sequence } from "./sequence.ts";
import { contextOf, emptyShape, type StepShape } from "./step-cost.ts";

/** The stretch `tokens[from .. from+count)` of a sequence, to be computed in this step. */
export interface PlanItem {
  readonly sequence: Sequence;
  readonly slot: number;
  readonly from: number;
  readonly count: number;
}

/** One token more behind the `from` that a slot holds, computed only to be forgotten: see `fill.ts`. */
export interface Filler {
  readonly slot: number;
  readonly from: number;
}

export interface StepPlan {
  /** By slot, ascending. */
  readonly items: readonly PlanItem[];
  readonly fillers: readonly Filler[];
}

/** The item reaches the end of its sequence, so its last token must give logits. */
export function samplesAfter(item: PlanItem): boolean {
  return item.from + item.count === item.sequence.length;
}

/** What a plan's step consists of, as its cost is known by. */
export function shapeOf({ items, fillers }: StepPlan): StepShape {
  const shape = { ...emptyShape };
  for (const item of items) {
    const { from, count } = item;
    if (count > 1) {
      shape.prefills++;
      shape.prefillTokens += count;
      shape.prefillContext += contextOf(from, count);
    } else {
      shape.singleContext += from;
      if (samplesAfter(item)) shape.decodes++;
    }
  }
  for (const { from } of fillers) shape.singleContext += from;
  if (items.some(({ count }) => count === 1)) shape.runs = runsOf([...items, ...fillers].map(({ slot }) => slot));
  return shape;
}

/** How many neighbours there are, of each stretch of neighbouring slots. */
function runsOf(slots: readonly number[]): number[] {
  const runs: number[] = [];
  let last = NaN;
  for (const slot of slots.toSorted((a, b) => a - b)) {
    if (slot === last + 1) runs[runs.length - 1]!++;
    else runs.push(1);
    last = slot;
  }
  return runs;
}
