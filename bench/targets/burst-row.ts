import type { LoadResult } from "../../src/bench/load-result.ts";
import { timesOf } from "../../src/bench/request-times.ts";
import { runLoad } from "../../src/bench/run-load.ts";
import { summarize } from "../../src/bench/statistics.ts";
import { workloadOf } from "../../src/bench/workload.ts";
import { contest } from "./contestants.ts";
import { ours, seedOf, valuesOf, type Row, type Turn } from "./row.ts";
import { vocabulary, type MeasuredServer } from "./servers.ts";

const shape = { promptTokens: 528, sharedTokens: 512, prefixes: 1, outputTokens: 16, turns: 1 };
const atOnce = 8;
/** How often a request alone is measured in each round; its median counts. */
const timesAlone = 3;

export const row5: Row = {
  number: 5,
  title: "8 requests at once with the same new 512-token prefix and 16 own tokens",
  run: async (bench) => {
    const turns = await contest(bench, {
      measure: (server, round) => measureBurst(server, seedOf(bench, row5, round)),
    });
    return {
      turns,
      shown: ["alone_ttft_ms", "last_ttft_ms", "last_to_alone", "failed"],
      requirements: [
        {
          of: "the last first token",
          values: valuesOf(turns, ours, "last_to_alone"),
          unit: "of one request's",
          target: { atMost: 1.4 },
        },
      ],
    };
  },
};

/** Every run has a prefix of its own, so that all are cold. */
export async function measureBurst({ endpoint }: MeasuredServer, seed: number): Promise<Turn> {
  const run = (prefix: number, requests: number) =>
    runLoad({
      endpoint,
      workload: workloadOf("shared-prefix", shape, { seed: seed + prefix, vocabulary }),
      load: { kind: "closed", concurrency: requests },
      requests,
    });
  const alone: LoadResult[] = [];
  for (let k = 0; k < timesAlone; k++) alone.push(await run(1 + k, 1));
  const burst = await run(0, atOnce);
  const aloneMs = summarize(alone.map(lastFirstToken)).median;
  const loads = { alone: alone.flatMap(({ samples }) => samples), burst: burst.samples };
  return {
    metrics: {
      alone_ttft_ms: aloneMs,
      last_ttft_ms: lastFirstToken(burst),
      last_to_alone: lastFirstToken(burst) / aloneMs,
      failed: Object.values(loads)
        .flat()
        .filter(({ problem }) => problem !== undefined).length,
    },
    loads,
  };
}

/** After the first request was sent, in ms. */
function lastFirstToken({ samples }: LoadResult): number {
  const begin = Math.min(...samples.map(({ startedAt }) => startedAt));
  return Math.max(...samples.map((sample) => sample.startedAt + timesOf(sample).ttft)) - begin;
}
