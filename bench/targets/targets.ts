import { parseArgs } from "node:util";
import { machineFacts } from "../../src/bench/machine.ts";
import { defaultPlan } from "../../src/core/execution-plan.ts";
import { silenceNativeLog } from "../../src/engine/llama/native-log.ts";
import { threadsForThisMachine } from "../../src/host/cpu-quota.ts";
import { BareLoop } from "../bare-loop.ts";
import { mergeIntoFile, mergeResults, type Facts, type MeasuredRow, type Results } from "../results.ts";
import { modelOfType } from "../smollm2.ts";
import { row5 } from "./burst-row.ts";
import { row8 } from "./long-prompt-row.ts";
import { row7 } from "./memory-row.ts";
import { row4 } from "./mixed-row.ts";
import { reportOf, tableOf } from "./report.ts";
import { row6 } from "./rotation-row.ts";
import type { Row, TargetBench } from "./row.ts";
import { usualMemory } from "./servers.ts";
import { row9, row10 } from "./tenant-rows.ts";
import { row1, row2, row3 } from "./throughput-rows.ts";

const rows: readonly Row[] = [row1, row2, row3, row4, row5, row6, row7, row8, row9, row10];

/**
 * What the scheduler promises, row by row: our server beside llama-server with the same kernels and beside the bound, in
 * turns, on the same file. Medians over the rounds with their intervals; ratios are taken within a round. (Row 11 is
 * `plan-step`.) With `--json FILE` each row is put beside those that the file holds already, so that a long measurement
 * can be made in pieces.
 */
export async function targets(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: "string", default: rows.map(({ number }) => number).join() },
      rounds: { type: "string", default: "10" },
      type: { type: "string", default: "q4_0" },
      seed: { type: "string", default: "1" },
      "llama-server": { type: "string" },
      json: { type: "string" },
    },
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  silenceNativeLog();
  const modelFile = await modelOfType(values.type);
  const bench: TargetBench = {
    modelFile,
    llamaServer: values["llama-server"] ?? process.env["LLAMA_SERVER"],
    rounds: Number(values.rounds),
    seed: Number(values.seed),
    bareLoop: once(() => new BareLoop(planOf(modelFile))),
  };
  if (bench.llamaServer === undefined)
    console.log("without llama-server (--llama-server PATH or LLAMA_SERVER): ours and the bound");
  const keep = (news: Partial<Results>) =>
    values.json === undefined ? mergeResults(all, news) : mergeIntoFile(values.json, news);
  let all: Results = { rows: [] };
  all = keep({}); // a file that cannot be used says so now and not after an hour
  for (const row of rowsOf(values.rows)) {
    console.log(`\nrow ${row.number}: ${row.title}`);
    const measured = await measure(row, bench, { type: values.type });
    console.log(reportOf(measured));
    all = keep({ rows: [measured] });
  }
  console.log(`\n${tableOf(all.rows)}`);
}

async function measure({ number, title, run }: Row, bench: TargetBench, asked: Facts): Promise<MeasuredRow> {
  const facts = { ...machineFacts(), ...asked, seed: bench.seed };
  const { turns, shown, requirements } = await run(bench);
  return { number, title, facts, shown, variants: Object.fromEntries(turns), requirements };
}

function rowsOf(numbers: string): readonly Row[] {
  return numbers.split(",").map((number) => {
    const row = rows.find((one) => `${one.number}` === number.trim());
    if (row === undefined) throw new Error(`--rows ${number}: there are ${rows.map((one) => one.number).join()}`);
    return row;
  });
}

const planOf = (modelFile: string) => ({
  ...defaultPlan(modelFile, threadsForThisMachine().threads),
  ...usualMemory,
});

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
