import { setTimeout as sleep } from "node:timers/promises";
import type { Endpoint } from "../../src/bench/completion-client.ts";
import { summarizeLoad } from "../../src/bench/load-summary.ts";
import { runLoad } from "../../src/bench/run-load.ts";
import { workloadOf, workloadShapes, type WorkloadShape } from "../../src/bench/workload.ts";
import type { Turn } from "./row.ts";
import { vocabulary, type Key, type MeasuredServer } from "./servers.ts";

/** Fill 8 slots and keep 32 requests waiting. */
export const busyClients = 40;
export const busyShape = { ...workloadShapes.unique, promptTokens: 256, outputTokens: 64 };
const quietShape = { ...workloadShapes.unique, promptTokens: 256, outputTokens: 16 };
/** Of the quiet one, alone and again beside the busy one, and for how long it sends more at most. */
const quietRequests = 20;
const quietMs = 20_000;
/** Until the busy one has filled slots and queue. */
const settleMs = 3000;

/** A tenant's endpoint. llama-server knows no tenants and ignores the key. */
export function endpointOf({ endpoint }: MeasuredServer, { key }: Key): Endpoint {
  return { ...endpoint, apiKey: key };
}

interface Neighbours {
  readonly quiet: Key;
  readonly busy: Key;
  readonly seed: number;
}

/** A tenant that asks for one thing at a time: alone, and beside one that keeps 32 requests waiting. */
export async function quietBesideBusy(server: MeasuredServer, { quiet, busy, seed }: Neighbours): Promise<Turn> {
  const load = (clients: number) => ({ kind: "closed", concurrency: clients }) as const;
  const workload = (shape: WorkloadShape, own: number) => workloadOf("unique", shape, { seed: seed + own, vocabulary });
  const ask = (own: number) =>
    runLoad({
      endpoint: endpointOf(server, quiet),
      workload: workload(quietShape, own),
      load: load(1),
      requests: quietRequests,
      durationMs: quietMs,
    });
  const alone = await ask(0);
  const ended = new AbortController();
  const crowd = runLoad({
    endpoint: endpointOf(server, busy),
    workload: workload(busyShape, 1),
    load: load(busyClients),
    durationMs: Infinity,
    signal: ended.signal,
  });
  await sleep(settleMs);
  const beside = await ask(2);
  ended.abort();
  const other = summarizeLoad(await crowd);
  const [quietAlone, quietBeside] = [summarizeLoad(alone), summarizeLoad(beside)];
  return {
    metrics: {
      alone_p50_ttft_ms: quietAlone.times.ttft.p50,
      alone_p95_ttft_ms: quietAlone.times.ttft.p95,
      beside_p50_ttft_ms: quietBeside.times.ttft.p50,
      beside_p95_ttft_ms: quietBeside.times.ttft.p95,
      beside_to_alone: quietBeside.times.ttft.p95 / quietAlone.times.ttft.p95,
      busy_output_throughput: other.outputThroughput,
      failed: quietAlone.failed + quietBeside.failed + other.failed,
    },
    loads: { alone: alone.samples, beside: beside.samples },
  };
}

export const quietShown = [
  "alone_p50_ttft_ms",
  "beside_p50_ttft_ms",
  "alone_p95_ttft_ms",
  "beside_p95_ttft_ms",
  "busy_output_throughput",
  "failed",
];
