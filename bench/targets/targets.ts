import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { machineFacts } from "../../src/bench/machine.ts";
import { show, summarize } from "../../src/bench/statistics.ts";
import { defaultPlan } from "../../src/core/execution-plan.ts";
import { silenceNativeLog } from "../../src/engine/llama/native-log.ts";
import { threadsForThisMachine } from "../../src/host/cpu-lease.ts";
import { BareLoop } from "../bare-loop.ts";
import { modelOfType } from "../smollm2.ts";
import { row5 } from "./burst-row.ts";
import { row8 } from "./long-prompt-row.ts";
import { row7 } from "./memory-row.ts";
import { row4 } from "./mixed-row.ts";
import { row6 } from "./rotation-row.ts";
import { valuesOf, type Row, type RowResult, type TargetBench } from "./row.ts";
import { usualMemory } from "./servers.ts";
import { row9, row10 } from "./tenant-rows.ts";
import { row1, row2, row3 } from "./throughput-rows.ts";
import { verdictOf } from "./verdict.ts";

const rows: readonly Row[] = [row1, row2, row3, row4, row5, row6, row7, row8, row9, row10];

/**
 * What the scheduler promises, row by row: our server beside llama-server with the same kernels and beside the bound, in
 * turns, on the same file. Medians over the rounds with their intervals; ratios are taken within a round. (Row 11 is
 * `plan-step`.)
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
  const results: object[] = [];
  for (const row of rowsOf(values.rows)) {
    console.log(`\nrow ${row.number}: ${row.title}`);
    const result = await row.run(bench);
    print(result);
    results.push({ row: row.number, title: row.title, ...jsonOf(result) });
    if (values.json !== undefined) write(values.json, { machine: machineFacts(), ...values, rows: results });
  }
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

function print({ turns, shown, requirements }: RowResult): void {
  for (const metric of shown) {
    const variants = [...turns.keys()].flatMap((name) => {
      const values = valuesOf(turns, name, metric);
      return values.length === 0 ? [] : [`${name} ${show(summarize(values), digitsFor(values))}`];
    });
    if (variants.length > 0) console.log(`  ${metric.padEnd(22)} ${variants.join(", ")}`);
  }
  for (const requirement of requirements) console.log(verdictOf(requirement));
}

function digitsFor(values: readonly number[]): number {
  const largest = Math.max(...values);
  return largest >= 100 || values.every(Number.isInteger) ? 0 : largest >= 10 ? 1 : 3;
}

function jsonOf({ turns, requirements }: RowResult): object {
  return { variants: Object.fromEntries(turns), requirements, verdicts: requirements.map(verdictOf) };
}

/** To a microsecond: more digits mean nothing. */
function write(file: string, results: object): void {
  const round = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toFixed(3)) : value);
  writeFileSync(file, JSON.stringify(results, round));
}
