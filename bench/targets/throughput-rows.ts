import { runLoad } from "../../src/bench/run-load.ts";
import { workloadOf, workloadShapes, type WorkloadName } from "../../src/bench/workload.ts";
import { boundOf } from "./bound.ts";
import { contest, turnOf } from "./contestants.ts";
import {
  bound,
  ours,
  ratios,
  seedOf,
  theirs,
  valuesOf,
  type Row,
  type TargetBench,
  type Turn,
  type Turns,
} from "./row.ts";
import { vocabulary, type MeasuredServer, type OurOptions } from "./servers.ts";

export interface Throughput {
  readonly workload: WorkloadName;
  readonly requests: number;
  /** Requests before the measurement. */
  readonly warmup: number;
}

const clients = 8;

/** Requests enough for about ten seconds; a shared beginning is known before they are measured. */
export const throughputs = {
  shared: { workload: "shared-prefix", requests: 64, warmup: clients },
  unique: { workload: "unique", requests: 64, warmup: clients },
  long: { workload: "long-prompt", requests: 24, warmup: 0 },
} as const satisfies Record<string, Throughput>;

/** Eight clients, each of which asks again when answered. */
export async function measureThroughput({ endpoint }: MeasuredServer, asked: Throughput, seed: number): Promise<Turn> {
  const load = { kind: "closed", concurrency: clients } as const;
  return turnOf(await runLoad({ ...asked, endpoint, workload: workloadFor(asked, seed), load }));
}

const workloadFor = ({ workload }: Throughput, seed: number) =>
  workloadOf(workload, workloadShapes[workload], { seed, vocabulary });

const shown = ["output_throughput", "request_throughput", "p50_ttft_ms", "p95_ttft_ms", "p50_tpot_ms", "p99_itl_ms"];
const off = { [ours]: { args: ["--target-itl", "off"] } };

/** Beside the bound of the very same requests. */
async function contestOf(bench: TargetBench, row: Pick<Row, "number">, options: Contested): Promise<Turns> {
  const { asked } = options;
  return await contest(bench, {
    ours: options.ours,
    measure: (server, round) => measureThroughput(server, asked, seedOf(bench, row, round)),
    bound: (round) => {
      const workload = workloadFor(asked, seedOf(bench, row, round));
      const { sharedTokens } = workloadShapes[asked.workload];
      return { metrics: boundOf(bench.bareLoop(), { workload, requests: asked.requests, sharedTokens }) };
    },
  });
}

interface Contested {
  readonly asked: Throughput;
  readonly ours: Readonly<Record<string, OurOptions>>;
}

/** Rows 1 and 2. */
function shortPrompts({ number, title, asked }: Omit<Row, "run"> & { readonly asked: Throughput }): Row {
  return {
    number,
    title,
    run: async (bench) => {
      const turns = await contestOf(bench, { number }, { asked, ours: off });
      return {
        turns,
        shown: [...shown, "cached_tokens_share"],
        requirements: [
          {
            of: "tokens/s",
            values: ratios(turns, "output_throughput", [ours, bound]),
            unit: "of the bound",
            target: { atLeast: 0.9 },
          },
          {
            of: "p50 TTFT",
            values: ratios(turns, "p50_ttft_ms", [ours, theirs]),
            unit: "of llama-server's",
            target: { atMost: 0.6 },
          },
        ],
      };
    },
  };
}

export const row1 = shortPrompts({
  number: 1,
  title: "8 clients, 415-token prompts, 350 shared, 64 out, target-itl off",
  asked: throughputs.shared,
});

export const row2 = shortPrompts({
  number: 2,
  title: "8 clients, 97-token prompts, nothing shared, 64 out, target-itl off",
  asked: throughputs.unique,
});

const within100 = `${ours} 100ms`;

export const row3: Row = {
  number: 3,
  title: "8 clients, 1,126-token prompts, nothing shared, 16 out, target-itl off and 100ms",
  run: async (bench) => {
    const variants = { ...off, [within100]: { args: ["--target-itl", "100ms"] } };
    const turns = await contestOf(bench, row3, { asked: throughputs.long, ours: variants });
    const throughput = (name: string) => ratios(turns, "request_throughput", [name, bound]);
    return {
      turns,
      shown,
      requirements: [
        { of: "off: requests/s", values: throughput(ours), unit: "of the bound", target: { atLeast: 0.95 } },
        {
          of: "100ms: p99 ITL",
          values: valuesOf(turns, within100, "p99_itl_ms"),
          unit: "ms",
          target: { atMost: 110 },
        },
        { of: "100ms: requests/s", values: throughput(within100), unit: "of the bound", target: { atLeast: 0.85 } },
      ],
    };
  },
};
