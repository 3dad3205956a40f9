import { parseArgs } from "node:util";
import { distributionOf } from "../src/bench/percentiles.ts";
import { show, summarize } from "../src/bench/statistics.ts";
import { systemClock } from "../src/core/clock.ts";
import { defaultPlan } from "../src/core/execution-plan.ts";
import { defaultScheduling, policyNames } from "../src/core/scheduling.ts";
import { openEngine } from "../src/engine/open.ts";
import { newSequence, nothingForced, type Sequence } from "../src/scheduler/sequence.ts";
import { StepLoop } from "../src/scheduler/step-loop.ts";

const running = 64;
const queued = 1000;
const tenants = 16;
const promptTokens = 128;
const answerTokens = 128;
const targetMs = 1;

/**
 * What the scheduler costs between two steps of the engine: from the end of one to the beginning of the next, that is
 * applyStep, moves between slots, planStep, the report and a turn of the event loop, at 64 sequences that run and 1,000
 * that wait. For each that ends another arrives. The engine is the fake one, and its steps are not counted.
 */
export async function planStep(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { steps: { type: "string", default: "2000" }, policies: { type: "string", default: policyNames.join() } },
  });
  console.log(`\n${running} running, ${queued} queued; ms between two steps, the target is ${targetMs}`);
  for (const policy of policyNames.filter((name) => values.policies.split(",").includes(name))) {
    const times = await measure(policy, Number(values.steps));
    const { p99 } = distributionOf(times);
    const verdict = p99 <= targetMs ? "p99 within the target" : "p99 beyond the target";
    console.log(`  ${policy.padEnd(10)} median ${show(summarize(times), 3)}, p99 ${p99.toFixed(3)}: ${verdict}`);
  }
}

async function measure(policy: (typeof policyNames)[number], steps: number): Promise<number[]> {
  const plan = { ...defaultPlan("fake", 1), slots: running, contextPerSlot: promptTokens + answerTokens };
  using engine = openEngine({ engine: "fake", plan });
  const done = new AbortController();
  const times: number[] = [];
  let ended: number | undefined;
  let number = 0;
  const loop = new StepLoop(engine, {
    limits: { prefillTokens: plan.microBatch },
    scheduling: { ...defaultScheduling, policy },
    clock: systemClock,
    watch: {
      beginStep: () => {
        // The first steps only fill the slots.
        if (ended !== undefined && number > running + queued) times.push(systemClock.now() - ended);
        if (times.length === steps) done.abort();
      },
      endStep: () => void (ended = systemClock.now()),
    },
    onEvent: (event) => {
      if (event.type === "finished") loop.add(aSequence(number++));
    },
    onStep: () => {},
  });
  for (; number < running + queued; number++) loop.add(aSequence(number));
  await loop.run(done.signal);
  return times;
}

/** Prompts of which a quarter is common to those of a tenant, answers of different lengths. */
function aSequence(number: number): Sequence {
  const tenant = number % tenants;
  const at = (position: number) => 200 + ((position * 7 + (position < promptTokens / 4 ? tenant : number) * 3) % 97);
  return newSequence({
    id: `${number}`,
    tenant: { name: `tenant-${tenant}`, weight: 1 },
    lane: "interactive",
    arrived: systemClock.now(),
    deadline: Infinity,
    prompt: Int32Array.from({ length: promptTokens }, (_, position) => at(position)),
    limit: promptTokens + 16 + ((number * 37) % (answerTokens - 16)),
    credit: Infinity,
    boundaries: [],
    sharedLength: 0,
    sample: () => 300,
    forced: nothingForced,
    endsGeneration: () => false,
  });
}
