import { parseArgs } from "node:util";
import { openEndpoint } from "../src/bench/open-endpoint.ts";
import { defaultPlan, type ExecutionPlan } from "../src/core/execution-plan.ts";
import { openEngine } from "../src/engine/open.ts";
import { threadsForThisMachine } from "../src/host/cpu-quota.ts";
import { LocalBackend } from "../src/inference/local-backend.ts";
import { startServer } from "../test/e2e/server.ts";
import { BareLoop } from "./bare-loop.ts";
import { runOverHttp } from "./http-burst.ts";
import { modelOfType } from "./smollm2.ts";
import { inTurns } from "./turns.ts";
import { show, summarize } from "../src/bench/statistics.ts";
import { burstOf, promptOf, ratesOf, runBurst, type Burst, type Rates } from "../src/bench/engine/burst.ts";

type Variant = (burst: Burst) => Rates | Promise<Rates>;

/**
 * Prefill and decode rates of (a) a bare loop over the bindings, (b) inference and scheduler, (c) the server over HTTP.
 * The variants take turns in an order that is reversed each round; ratios are taken within a round.
 */
export async function engine(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "10" },
      types: { type: "string", default: "q4_1,q4_0" },
      sequences: { type: "string", default: "1,4,8,16" },
    },
  });
  for (const type of values.types.split(",")) {
    await compare(await modelOfType(type), {
      type,
      rounds: Number(values.rounds),
      sizes: values.sequences.split(",").map(Number),
    });
  }
}

async function compare(
  file: string,
  { type, rounds, sizes }: { type: string; rounds: number; sizes: readonly number[] },
) {
  const { threads } = threadsForThisMachine();
  const plan: ExecutionPlan = { ...defaultPlan(file, threads), slots: 16, contextPerSlot: 256 };
  const bare = new BareLoop(plan);
  await using backend = new LocalBackend(openEngine({ engine: "llama", plan }), "bench");
  await using server = await startServer({ args: ["--model", file, "--parallel", "16", "--context", "256"] });
  const endpoint = await openEndpoint({ url: server.url });
  for (const sequences of sizes) {
    const variants: Record<string, Variant> = {
      "bare loop": (burst) => bare.run(burst),
      inference: (burst) => runLocal(backend, burst),
      ...(sequences === 8 && { http: (burst: Burst) => runOverHttp(endpoint, burst) }),
    };
    print(`${type}, ${sequences} sequences`, await measure(variants, burstOf(sequences), rounds));
  }
}

/** The first round warms up. */
async function measure(variants: Record<string, Variant>, burst: Burst, rounds: number): Promise<Map<string, Rates[]>> {
  const turns = Object.entries(variants).map(([name, run]) => [name, () => run(burst)] as const);
  const results = await inTurns(Object.fromEntries(turns), rounds + 1);
  return new Map([...results].map(([name, rates]) => [name, rates.slice(1)]));
}

function print(title: string, results: Map<string, Rates[]>): void {
  console.log(`\n${title}: tok/s, median [interval]; ratio to the bare loop of the same round`);
  const base = results.get("bare loop")!;
  for (const [name, rates] of results) {
    const columns = (["prefill", "decode", "all"] as const).map((column) => {
      const rate = show(summarize(rates.map((r) => r[column])));
      const ratio = show(summarize(rates.map((r, round) => r[column] / base[round]![column])), 3);
      return `${column} ${rate}  ×${ratio}`;
    });
    console.log(`  ${name.padEnd(10)} ${columns.join(" | ")}`);
  }
}

async function runLocal(backend: LocalBackend, burst: Burst): Promise<Rates> {
  const { sequences, promptTokens, answerTokens } = burst;
  const prompts = Array.from({ length: sequences }, (_, sequence) => promptOf(sequence, promptTokens));
  return ratesOf(await runBurst(backend, prompts, { answerTokens, signal: new AbortController().signal }), burst);
}
