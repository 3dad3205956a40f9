import { residentBytesOfTree } from "../../src/bench/memory-watch.ts";
import { measureBurst } from "./burst-row.ts";
import { contest } from "./contestants.ts";
import { measureMixed } from "./mixed-row.ts";
import { cacheOf1GB, measureRotation } from "./rotation-row.ts";
import { ours, ratios, seedOf, theirs, type Row, type Turn } from "./row.ts";
import type { MeasuredServer } from "./servers.ts";
import { measureThroughput, throughputs } from "./throughput-rows.ts";

const MIB = 2 ** 20;

/** The two servers are the same ones for all of it, so memory only grows: the last round counts. */
export const row7: Row = {
  number: 7,
  title: "resident memory of all processes after the workloads of rows 1 to 6, cache of 1 GB",
  run: async (bench) => {
    const turns = await contest(bench, {
      ours: { [ours]: { args: cacheOf1GB } },
      measure: (server, round) => measure(server, seedOf(bench, row7, round)),
    });
    return {
      turns,
      shown: ["resident_mib_before", "resident_mib", "failed"],
      requirements: [
        {
          of: "resident memory",
          values: ratios(turns, "resident_mib", [ours, theirs]).slice(-1),
          unit: "of llama-server's, after the last round",
          target: { atMost: 0.5 },
        },
      ],
    };
  },
};

/** With other prompts than the rows themselves have. */
async function measure(server: MeasuredServer, seed: number): Promise<Turn> {
  const before = residentBytesOfTree(server.pid);
  const turns: Turn[] = [];
  for (const asked of Object.values(throughputs)) turns.push(await measureThroughput(server, asked, seed));
  for (const run of [measureMixed, measureBurst, measureRotation]) turns.push(await run(server, seed));
  return {
    metrics: {
      resident_mib_before: before / MIB,
      resident_mib: residentBytesOfTree(server.pid) / MIB,
      failed: turns.reduce((sum, { metrics }) => sum + (metrics["failed"] ?? 0), 0),
    },
  };
}
