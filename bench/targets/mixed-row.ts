import { runLoad } from "../../src/bench/run-load.ts";
import { workloadOf, workloadShapes, type Workload } from "../../src/bench/workload.ts";
import { keyedUniform } from "../../src/inference/keyed-random.ts";
import { contest, turnOf } from "./contestants.ts";
import { ours, ratios, seedOf, theirs, valuesOf, type Row, type Turn } from "./row.ts";
import { vocabulary, type MeasuredServer } from "./servers.ts";

const clients = 16;
const requests = 64;
const promptTokens = [64, 1500] as const;
const answerTokens = [16, 192] as const;

export const row4: Row = {
  number: 4,
  title: "16 clients on 8 slots of 2,048 tokens, prompts of 64 to 1,500 tokens, 16 to 192 out",
  run: async (bench) => {
    const turns = await contest(bench, {
      measure: (server, round) => measureMixed(server, seedOf(bench, row4, round)),
    });
    return {
      turns,
      shown: ["output_throughput", "p50_ttft_ms", "p95_ttft_ms", "p50_tpot_ms", "p99_itl_ms", "failed", "reconnects"],
      requirements: [
        {
          of: "p95 TTFT",
          values: ratios(turns, "p95_ttft_ms", [ours, theirs]),
          unit: "of llama-server's",
          target: { atMost: 0.6 },
        },
        {
          of: "failures",
          values: [valuesOf(turns, ours, "failed").reduce((sum, failed) => sum + failed, 0)],
          unit: "in all rounds",
          target: { atMost: 0 },
        },
      ],
    };
  },
};

export async function measureMixed({ endpoint }: MeasuredServer, seed: number): Promise<Turn> {
  const load = { kind: "closed", concurrency: clients } as const;
  return turnOf(await runLoad({ endpoint, workload: mixedLengths(seed), load, requests }));
}

/** Even on a log scale. */
function mixedLengths(seed: number): Workload {
  const drawn = ([from, to]: readonly [number, number], index: number, purpose: number) =>
    Math.round(from * (to / from) ** keyedUniform(seed, index, 2 ** 32 - 1 - purpose));
  return (index) => {
    const lengths = {
      promptTokens: drawn(promptTokens, index, 0),
      outputTokens: drawn(answerTokens, index, 1),
    };
    return workloadOf("unique", { ...workloadShapes.unique, ...lengths }, { seed, vocabulary })(index);
  };
}
