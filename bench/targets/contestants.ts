import type { LoadResult } from "../../src/bench/load-result.ts";
import { metricsOf } from "../../src/bench/load-metrics.ts";
import { summarizeLoad } from "../../src/bench/load-summary.ts";
import { inTurns } from "../turns.ts";
import { bound, ours, theirs, type TargetBench, type Turn, type Turns } from "./row.ts";
import { startOurs, startTheirs, type MeasuredServer, type OurOptions } from "./servers.ts";

export interface Contest {
  /** Ours, by name where there are several. */
  readonly ours?: Readonly<Record<string, OurOptions>>;
  readonly measure: (server: MeasuredServer, round: number) => Promise<Turn>;
  /** What the bare loop needs for the same. */
  readonly bound?: (round: number) => Turn;
}

/** Starts the servers, measures them and the bound in turns, and ends the servers. */
export async function contest(bench: TargetBench, { measure, bound: least, ...options }: Contest): Promise<Turns> {
  const turns: Record<string, (round: number) => Turn | Promise<Turn>> = {};
  const servers: MeasuredServer[] = [];
  const enter = (name: string, server: MeasuredServer) => {
    servers.push(server);
    turns[name] = (round) => measure(server, round);
  };
  try {
    const variants = Object.entries(options.ours ?? { [ours]: {} });
    for (const [name, variant] of variants) enter(name, await startOurs(bench.modelFile, variant));
    if (bench.llamaServer !== undefined)
      enter(theirs, await startTheirs(bench.llamaServer, bench.modelFile, variants[0]![1].memory));
    if (least !== undefined) turns[bound] = least;
    return await inTurns(turns, bench.rounds);
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]();
  }
}

export function turnOf(result: LoadResult): Turn {
  return { metrics: metricsOf(summarizeLoad(result)), loads: { clients: result.samples } };
}
