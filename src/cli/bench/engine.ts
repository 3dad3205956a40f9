import { Command, InvalidArgumentError } from "commander";
import { engineBench, type EngineBenchOptions } from "../../bench/engine/engine-bench.ts";
import { engineFacts } from "../../bench/engine/engine-facts.ts";
import { enginePage, engineTable } from "../../bench/engine/engine-report.ts";
import type { ConfigKey } from "../../config/schema.ts";
import { addConfigOptions, commandConfig } from "../config-options.ts";
import { abortOnInterrupt } from "../interrupts.ts";
import { numberOption } from "../number-option.ts";
import { pulling } from "../pulling.ts";
import { addResultOptions, assertWritable, progressOf, showResults, type ResultOptions } from "./results.ts";

const settings: readonly ConfigKey[] = ["model", "threads", "engine"];
const mostSequences = 256;
const count = (from: number) => numberOption({ from, to: 1_000_000, whole: true });
/** The least context that the configuration allows. */
const leastContext = 64;

interface EngineOptions extends ResultOptions {
  readonly batchSizes: readonly number[];
  readonly numPrompts: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly repeat: number;
}

/** `millrace bench engine`: how fast the engine is without HTTP, by batch size. */
export function benchEngineCommand(): Command {
  const command = new Command("engine")
    .description("Measure the engine alone, without HTTP: tokens/s and latency by batch size.")
    .option("--batch-sizes <numbers>", "prompts that arrive at once, e.g. 1,4,8", batchSizes, [1, 4, 8, 16])
    .option("--num-prompts <number>", "prompts of each batch size and round, in bursts of that size", count(1), 16)
    .option("--prompt-tokens <number>", "length of each prompt", count(1), 128)
    .option("--output-tokens <number>", "length of each answer", count(2), 64)
    .option("--repeat <rounds>", "how often all of it is done", count(1), 3);
  return addConfigOptions(addResultOptions(command), settings).action(async (options: EngineOptions) => {
    const { config } = commandConfig(command, settings);
    assertWritable(options);
    const { numPrompts: prompts, repeat: rounds, batchSizes, promptTokens, outputTokens } = options;
    const asked: EngineBenchOptions = { batchSizes, prompts, promptTokens, outputTokens, rounds };
    const parallel = Math.max(...batchSizes);
    const context = Math.max(leastContext, promptTokens + outputTokens);
    const { openLocalEngine } = await import("../../app.ts");
    const { engine, modelId } = await pulling(
      (pull) => openLocalEngine({ ...config, parallel, context }, pull),
      options,
    );
    using interrupts = abortOnInterrupt();
    const { signal } = interrupts;
    try {
      const facts = engineFacts(engine, modelId);
      const results = await engineBench(engine, asked, { signal, onProgress: progressOf(options) });
      const page = enginePage(results, { options: asked, facts });
      showResults({ json: { facts, options: asked, results }, page, text: [engineTable(results)] }, options);
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  });
}

function batchSizes(text: string): number[] {
  if (text === "") throw new InvalidArgumentError("Accepted: whole numbers with commas between them.");
  return text.split(",").map(numberOption({ from: 1, to: mostSequences, whole: true }));
}
