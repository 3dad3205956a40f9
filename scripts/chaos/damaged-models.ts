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
    const fault = `${outcome}: ${words.replace(/^\S+: /, "")}`;
    if (outcome === "rejected" || outcome === "fatal") native.set(fault, (native.get(fault) ?? 0) + 1);
    assertThat(outcome !== "rejected" || /llama\.cpp .*: .{10}/.test(words), `a fault without a name: '${words}'`);
  });
  const counts = [...outcomes].map(([outcome, times]) => `${outcome} ${times}`);
  console.log(
    `${count} damaged models, seed ${seed}: ${counts.join(", ")}; /health took ${slowestHealth.toFixed(0)} ms at most`,
  );
  const most = [...native].toSorted(([, a], [, b]) => b - a).slice(0, toldAtOnce);
  for (const [fault, times] of most) console.log(`  ${times} times ${fault}`);
}
