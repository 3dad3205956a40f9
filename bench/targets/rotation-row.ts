import type { LoadSample } from "../../src/bench/load-result.ts";
import { runLoad } from "../../src/bench/run-load.ts";
import { workloadOf } from "../../src/bench/workload.ts";
import { contest } from "./contestants.ts";
import { ours, seedOf, valuesOf, type Row, type Turn } from "./row.ts";
import { vocabulary, type MeasuredServer } from "./servers.ts";

const prefixes = 24;
const shape = { promptTokens: 528, sharedTokens: 512, prefixes, outputTokens: 8, turns: 1 };
/** The first time around all prefixes are new. */
const timesAround = 4;
export const cacheOf1GB = ["--cache-memory", "1GB"];

export const row6: Row = {
  number: 6,
  title: "24 prefixes of 512 tokens in rotation, 16 own tokens, cache of 1 GB",
  run: async (bench) => {
    const turns = await contest(bench, {
      ours: { [ours]: { args: cacheOf1GB } },
      measure: (server, round) => measureRotation(server, seedOf(bench, row6, round)),
    });
    const metrics = ["cached_share_1_client", "cached_share_4_clients"];
    return {
      turns,
      shown: [...metrics, "failed"],
      requirements: metrics.map((metric) => ({
        of: `${metric.replace("cached_share_", "").replace("_", " ")}: cached`,
        values: valuesOf(turns, ours, metric),
        unit: "of a repeated prefix's tokens",
        target: { atLeast: 0.95 },
      })),
    };
  },
};

/** First one client, then four with prefixes of their own. */
export async function measureRotation({ endpoint }: MeasuredServer, seed: number): Promise<Turn> {
  const run = (concurrency: number) =>
    runLoad({
      endpoint,
      workload: workloadOf("shared-prefix", shape, { seed: seed + concurrency, vocabulary }),
      load: { kind: "closed", concurrency },
      requests: timesAround * prefixes,
    });
  const [one, four] = [await run(1), await run(4)];
  return {
    metrics: {
      cached_share_1_client: cachedShare(one.samples),
      cached_share_4_clients: cachedShare(four.samples),
      failed: [...one.samples, ...four.samples].filter(({ problem }) => problem !== undefined).length,
    },
    loads: { one_client: one.samples, four_clients: four.samples },
  };
}

/** Of the tokens of those prefixes that had been asked for before; what a server does not say counts as none. */
function cachedShare(samples: readonly LoadSample[]): number {
  const repeated = samples.toSorted((a, b) => a.startedAt - b.startedAt).slice(prefixes);
  const cached = repeated.map(({ cachedTokens = 0 }) => Math.min(cachedTokens, shape.sharedTokens));
  return cached.reduce((sum, tokens) => sum + tokens, 0) / (repeated.length * shape.sharedTokens);
}
