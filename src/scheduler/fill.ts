import type { Slots } from "./slots.ts";
import type { SchedulerState } from "./state.ts";
import { rowTokens } from "./step-cost.ts";
import { shapeOf, type Filler, type PlanItem, type StepPlan } from "./step-plan.ts";

/** Predictions are not that exact: a filler must promise more. */
const leastGain = 0.03;

/**
 * The plan of these items, by slot, with fillers where they make the step shorter. Sequences that compute one token each
 * do so in one pass if their slots are neighbours, and the library multiplies four tokens in little more time than one:
 * seven take a third longer than eight, and so do four of which one is apart. A token more in a slot that takes no part
 * in the step, forgotten again afterwards, closes a gap or completes a group of four. Only where memory can be cut.
 */
export function fill(state: SchedulerState, items: readonly PlanItem[]): StepPlan {
  const { cost, cache, slots } = state;
  let best: StepPlan = { items, fillers: [] };
  if (cache.exactOnly || !cost.knowsGroups || !items.some(({ count }) => count === 1)) return best;
  let bestMs = (1 - leastGain) * cost.predict(shapeOf(best));
  const inGaps = slotsInGaps(items);
  for (const filled of [inGaps, [...inGaps, ...neighbours(items, slots.total)]]) {
    if (filled.length === 0) continue;
    const plan = { items, fillers: filled.map((slot) => fillerFor(slot, slots)) };
    const ms = cost.predict(shapeOf(plan));
    if (ms < bestMs) [best, bestMs] = [plan, ms];
  }
  return best;
}

function slotsInGaps(items: readonly PlanItem[]): number[] {
  const missing: number[] = [];
  items.forEach(({ slot }, index) => {
    for (let gap = (items[index - 1]?.slot ?? slot) + 1; gap < slot; gap++) missing.push(gap);
  });
  return missing;
}

/** Slots above and below, as far as there are any, that make all those between the first and the last item groups. */
function neighbours(items: readonly PlanItem[], total: number): number[] {
  let [low, high] = [items[0]!.slot, items.at(-1)!.slot];
  const found: number[] = [];
  while ((high - low + 1) % rowTokens > 0 && high - low + 1 < total) found.push(high + 1 < total ? ++high : --low);
  return found;
}

/** What runs, but not in this step, lends its slot as well as what rests. */
function fillerFor(slot: number, slots: Slots): Filler {
  const prefix = slots.at(slot);
  const from = prefix?.place.kind === "running" ? prefix.place.sequence.computed : (prefix?.length ?? 0);
  return { slot, from };
}
