import type { Endpoint } from "../src/bench/completion-client.ts";
import { promptOf, ratesOf, type Burst, type Rates } from "../src/bench/engine/burst.ts";
import { runLoad } from "../src/bench/run-load.ts";

/** Sends the burst to a server, each sequence by a client of its own. Throws if an answer is not as asked. */
export async function runOverHttp(endpoint: Endpoint, burst: Burst): Promise<Rates> {
  const { sequences, promptTokens, answerTokens } = burst;
  const { samples } = await runLoad({
    endpoint,
    workload: (sequence) => ({
      turns: [{ content: { kind: "tokens", ids: promptOf(sequence, promptTokens) }, maxTokens: answerTokens }],
    }),
    load: { kind: "closed", concurrency: sequences },
    requests: sequences,
  });
  const problem = samples.find((sample) => sample.problem !== undefined)?.problem;
  if (problem !== undefined) throw new Error(`${endpoint.url} fails: ${problem}`);
  // A token whose bytes are no character yet has no chunk, and is not counted: the rate errs to the low side, if at all.
  const times = samples.map(({ startedAt, chunksAt }) => chunksAt.map((at) => startedAt + at));
  return ratesOf(times, burst);
}
