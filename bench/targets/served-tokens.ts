import { setTimeout as sleep } from "node:timers/promises";
import type { LoadSample } from "../../src/bench/load-result.ts";
import { timesOf } from "../../src/bench/request-times.ts";
import { runLoad } from "../../src/bench/run-load.ts";
import { workloadOf, type WorkloadShape } from "../../src/bench/workload.ts";
import { TOKEN_COST } from "../../src/scheduler/shares.ts";
import { busyClients, endpointOf } from "./neighbours.ts";
import type { Metrics } from "./row.ts";
import { usualMemory, vocabulary, type Key, type MeasuredServer } from "./servers.ts";

interface Tenants {
  /** The second has more clients than the first; both always have requests that wait. */
  readonly tenants: readonly [Key, Key];
  readonly shape: WorkloadShape;
  readonly seed: number;
}

/** Twice the slots: half of them wait even when the other tenant gets nothing. */
const fewClients = 2 * usualMemory.slots;
const sendForMs = 15_000;
/** What runs when no more is sent ends within this; the rest is given up. */
const drainMs = 4000;

/**
 * Two tenants that both always have something waiting. Theorem 4.4 of "Fairness in Serving Large Language Models" bounds
 * by how much the weighted tokens served to them differ, over any time, by 2 * max(w_p * longest prompt, w_q * most tokens
 * that the slots hold): with these requests no more than all slots full of the longest.
 */
export async function servedWhileBothWait(server: MeasuredServer, { tenants, shape, seed }: Tenants): Promise<Metrics> {
  const ended = new AbortController();
  const run = (tenant: Key, concurrency: number) =>
    runLoad({
      endpoint: endpointOf(server, tenant),
      workload: workloadOf("unique", shape, { seed: seed + concurrency, vocabulary }),
      load: { kind: "closed", concurrency },
      durationMs: sendForMs,
      signal: ended.signal,
    });
  const both = Promise.all([run(tenants[0], fewClients), run(tenants[1], busyClients)]);
  await sleep(sendForMs + drainMs);
  ended.abort();
  const [first, second] = (await both).map(({ samples }) => serviceOf(samples)) as [Service[], Service[]];
  const difference = largestDifference(first, second);
  const [served, other] = [total(first), total(second)];
  const slots = usualMemory.slots * (shape.promptTokens + shape.outputTokens);
  const bound = 2 * Math.max(TOKEN_COST.prefill * shape.promptTokens, TOKEN_COST.decode * slots);
  return {
    served_share_of_first: served / (served + other),
    served_difference: difference,
    served_bound: bound,
    served_difference_to_bound: difference / bound,
  };
}

/** Weighted tokens, and when they were served, in ms. */
interface Service {
  readonly at: number;
  readonly tokens: number;
}

/** A prompt counts when its first token comes. */
function serviceOf(samples: readonly LoadSample[]): Service[] {
  return samples
    .flatMap((sample) => {
      const { startedAt, chunksAt, promptTokens, cachedTokens = 0 } = sample;
      const prompt = {
        at: startedAt + timesOf(sample).ttft,
        tokens: TOKEN_COST.prefill * (promptTokens - cachedTokens),
      };
      return [prompt, ...chunksAt.map((at) => ({ at: startedAt + at, tokens: TOKEN_COST.decode }))];
    })
    .filter(({ at }) => at < sendForMs);
}

const total = (service: readonly Service[]) => service.reduce((sum, { tokens }) => sum + tokens, 0);

/** Over any stretch of time, of the service of one to that of the other. */
function largestDifference(first: readonly Service[], second: readonly Service[]): number {
  const changes = [...first, ...second.map(({ at, tokens }) => ({ at, tokens: -tokens }))];
  let [lead, least, most] = [0, 0, 0];
  for (const { tokens } of changes.toSorted((a, b) => a.at - b.at)) {
    lead += tokens;
    least = Math.min(least, lead);
    most = Math.max(most, lead);
  }
  return most - least;
}
