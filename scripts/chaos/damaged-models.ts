import fc from "fast-check";
import { damagedModels, wholeModel } from "../../src/model/damage/testing.ts";
import { buildGguf } from "../../src/model/testing.ts";
import { tryModels } from "../../test/e2e/damaged-models.ts";
import { assertThat } from "./verdicts.ts";

const toldAtOnce = 15;

/** Loads models with damaged headers into a running server, one after the other. Throws when it stops answering. */
export async function loadDamagedModels(count: number, seed: number): Promise<void> {
  const files = fc.sample(damagedModels(), { numRuns: count, seed });
  const outcomes = new Map<string, number>();
  const native = new Map<string, number>();
  let slowestHealth = 0;
  await tryModels(buildGguf(wholeModel), files, ({ outcome, words, healthMs }) => {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    slowestHealth = Math.max(slowestHealth, healthMs);
    if (outcome === "failed") native.set(words, (native.get(words) ?? 0) + 1);
    assertThat(outcome === "served" || words.length > 10, `a fault without a name: '${words}'`);
  });
  const counts = [...outcomes].map(([outcome, times]) => `${outcome} ${times}`);
  console.log(
    `${count} damaged models, seed ${seed}: ${counts.join(", ")}; /health took ${slowestHealth.toFixed(0)} ms at most`,
  );
  for (const [words, times] of [...native].toSorted(([, a], [, b]) => b - a).slice(0, toldAtOnce))
    console.log(`  ${times}: ${words}`);
}
