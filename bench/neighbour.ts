import { spawn, type ChildProcess } from "node:child_process";
import { parseArgs } from "node:util";
import { defaultPlan } from "../src/core/execution-plan.ts";
import { openEngine } from "../src/engine/open.ts";
import type { Engine } from "../src/engine/engine.ts";
import { threadsForThisMachine } from "../src/host/cpu-quota.ts";
import { ThreadGovernor } from "../src/scheduler/thread-governor.ts";
import { testModel } from "../test/models.ts";
import { show, summarize } from "../src/bench/statistics.ts";
import { promptOf } from "../src/bench/engine/burst.ts";

const sequences = 4;
const rewindAt = 200;

/**
 * Decode throughput beside a process that takes a part of a core: the thread governor's against the naive loop's. The
 * neighbours take turns within a round, so that every figure has its undisturbed one beside it.
 */
export async function neighbour(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: "string", default: "10" }, seconds: { type: "string", default: "4" } },
  });
  const { threads } = threadsForThisMachine();
  const plan = { ...defaultPlan(await testModel("smollm2"), threads), slots: sequences, contextPerSlot: 512 };
  using engine = openEngine({ engine: "llama", plan });
  const results = new Map<string, number[]>();
  const note = (name: string, rate: number): void => void results.set(name, [...(results.get(name) ?? []), rate]);
  for (let round = 0; round < Number(values.rounds); round++) {
    const alone = await decodeBeside(engine, { share: 0, seconds: Number(values.seconds), governed: true });
    note("alone", alone);
    for (const share of [0.2, 1]) {
      const governed = await decodeBeside(engine, { share, seconds: Number(values.seconds), governed: true });
      note(`beside ${100 * share} % of a core`, governed);
      note(`beside ${100 * share} % of a core, ratio to alone`, governed / alone);
      const naive = await decodeBeside(engine, { share, seconds: Number(values.seconds), governed: false });
      note(`beside ${100 * share} % of a core, no governor`, naive);
    }
  }
  console.log(`\ndecode of ${sequences} sequences, ${threads} threads, tok/s: median [interval], worst`);
  for (const [name, rates] of results) {
    const digits = name.includes("ratio") ? 2 : 0;
    console.log(`  ${name.padEnd(38)} ${show(summarize(rates), digits)}, ${Math.min(...rates).toFixed(digits)}`);
  }
}

interface Situation {
  /** Of a core, that the neighbour takes. */
  readonly share: number;
  readonly seconds: number;
  readonly governed: boolean;
}

async function decodeBeside(engine: Engine, { share, seconds, governed }: Situation): Promise<number> {
  const other = share === 0 ? undefined : await startNeighbour(share);
  try {
    return decode(engine, seconds, governed ? new ThreadGovernor(engine.plan.threads) : undefined);
  } finally {
    other?.kill("SIGKILL");
  }
}

/** Decodes all slots for about `seconds`; gives tokens per second. */
function decode(engine: Engine, seconds: number, governor: ThreadGovernor | undefined): number {
  const prompts = Array.from({ length: sequences }, (_, slot) => Int32Array.from(promptOf(slot, rewindAt)));
  for (let slot = 0; slot < sequences; slot++) engine.trim(slot, 0);
  engine.setThreads(engine.plan.threads);
  let computed = 0;
  let from = 0;
  const begin = performance.now();
  while (performance.now() - begin < 1000 * seconds) {
    if (from === rewindAt) {
      from = 0;
      for (let slot = 0; slot < sequences; slot++) engine.trim(slot, 0);
    }
    const stepBegin = performance.now();
    engine.step(prompts.map((tokens, slot) => ({ slot, tokens, from, count: 1, outputs: "last" })));
    computed += sequences;
    from++;
    const milliseconds = performance.now() - stepBegin;
    if (governor !== undefined)
      engine.setThreads(governor.observe({ tokens: sequences, milliseconds, now: performance.now() }));
  }
  return (1000 * computed) / (performance.now() - begin);
}

/** A process that computes for `share` of each 10 ms and sleeps for the rest. */
async function startNeighbour(share: number): Promise<ChildProcess> {
  const busy = `const rest = new Int32Array(new SharedArrayBuffer(4));
    for (;;) {
      const end = performance.now() + ${10 * share};
      while (performance.now() < end);
      if (${share} < 1) Atomics.wait(rest, 0, 0, ${10 - 10 * share});
    }`;
  const child = spawn(process.execPath, ["-e", busy], { stdio: "ignore" });
  await new Promise((wake) => setTimeout(wake, 300)); // it is busy once Node has started
  return child;
}
