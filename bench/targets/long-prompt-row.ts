import { setTimeout as sleep } from "node:timers/promises";
import type { LoadSample } from "../../src/bench/load-result.ts";
import { distributionOf } from "../../src/bench/percentiles.ts";
import { timesOf } from "../../src/bench/request-times.ts";
import { runLoad } from "../../src/bench/run-load.ts";
import { workloadOf, workloadShapes } from "../../src/bench/workload.ts";
import { contest } from "./contestants.ts";
import { ours, seedOf, valuesOf, type Row, type Turn } from "./row.ts";
import { vocabulary, type MeasuredServer } from "./servers.ts";

const streams = 4;
/** Long enough to run before, beside and after the long prompt. */
const streamShape = { ...workloadShapes.unique, promptTokens: 64, outputTokens: 900 };
const longShape = { ...workloadShapes.unique, promptTokens: 4000, outputTokens: 16 };
const undisturbedMs = 3000;

export const row8: Row = {
  number: 8,
  title: "one 4,000-token prompt beside 4 streams, 8 slots of 4,352 tokens",
  run: async (bench) => {
    const turns = await contest(bench, {
      ours: { [ours]: { memory: { slots: 8, contextPerSlot: 4352 } } },
      measure: (server, round) => measure(server, seedOf(bench, row8, round)),
    });
    const requirement = (metric: string, unit: string) => ({
      of: "p99 ITL",
      values: valuesOf(turns, ours, metric),
      unit,
      target: { atMost: 3.5 },
    });
    return {
      turns,
      shown: [
        "undisturbed_p50_itl_ms",
        "undisturbed_p99_itl_ms",
        "beside_p50_itl_ms",
        "beside_p99_itl_ms",
        "long_ttft_ms",
        "ended_early",
        "failed",
      ],
      requirements: [
        requirement("p99_to_p50", "of the undisturbed median"),
        requirement("p99_to_p99", "of the undisturbed p99"),
      ],
    };
  },
};

async function measure({ endpoint }: MeasuredServer, seed: number): Promise<Turn> {
  const run = (shape: typeof longShape, clients: number) =>
    runLoad({
      endpoint,
      workload: workloadOf("unique", shape, { seed: seed + clients, vocabulary }),
      load: { kind: "closed", concurrency: clients },
      requests: clients,
    });
  const begin = performance.now();
  const running = run(streamShape, streams);
  await sleep(undisturbedMs);
  const sentAt = performance.now() - begin;
  const [sent] = (await run(longShape, 1)).samples;
  const long = { ...sent!, startedAt: sentAt }; // on the clock of the streams
  const { samples } = await running;
  const longTtft = timesOf(long).ttft;
  const until = sentAt + longTtft;
  const { before, beside } = gapsOf(samples, { from: sentAt, until });
  const [undisturbed, disturbed] = [distributionOf(before), distributionOf(beside)];
  return {
    metrics: {
      undisturbed_p50_itl_ms: undisturbed.p50,
      undisturbed_p99_itl_ms: undisturbed.p99,
      beside_p50_itl_ms: disturbed.p50,
      beside_p99_itl_ms: disturbed.p99,
      p99_to_p50: disturbed.p99 / undisturbed.p50,
      p99_to_p99: disturbed.p99 / undisturbed.p99,
      long_ttft_ms: longTtft,
      ended_early: samples.filter(({ startedAt, e2e }) => startedAt + e2e < until).length,
      failed: [...samples, long].filter(({ problem }) => problem !== undefined).length,
    },
    loads: { streams: samples, long: [long] },
  };
}

/** Gaps between tokens: those before the long prompt, once all streams run, and those that lie in part beside it. */
function gapsOf(samples: readonly LoadSample[], long: { readonly from: number; readonly until: number }) {
  const allRun = Math.max(...samples.map((sample) => sample.startedAt + timesOf(sample).ttft));
  const gaps = samples.flatMap(({ startedAt, chunksAt }) =>
    chunksAt.slice(1).map((at, i) => ({ from: startedAt + chunksAt[i]!, to: startedAt + at })),
  );
  const lengths = (list: typeof gaps) => list.map(({ from, to }) => to - from);
  return {
    before: lengths(gaps.filter(({ from, to }) => from >= allRun && to <= long.from)),
    beside: lengths(gaps.filter(({ from, to }) => to > long.from && from < long.until)),
  };
}
