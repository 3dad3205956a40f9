import { Command } from "commander";
import { engineFacts } from "../../bench/engine/engine-facts.ts";
import {
  agreementLine,
  experimentsPage,
  kvReuseTable,
  threadTable,
} from "../../bench/experiments/experiments-report.ts";
import { kvReuse } from "../../bench/experiments/kv-reuse.ts";
import { threadSweep } from "../../bench/experiments/thread-sweep.ts";
import type { ConfigKey } from "../../config/schema.ts";
import { addConfigOptions, commandConfig } from "../config-options.ts";
import { abortOnInterrupt } from "../interrupts.ts";
import { numberOption } from "../number-option.ts";
import { pulling } from "../pulling.ts";
import { addResultOptions, assertWritable, progressOf, showResults, type ResultOptions } from "./results.ts";

const settings: readonly ConfigKey[] = ["model", "threads", "engine"];
/** Of the thread sweep, in tokens; the prompt is no longer than `--length`. */
const prompt = 256;
const answer = 64;

interface ExperimentOptions extends ResultOptions {
  readonly length: number;
  readonly repeat: number;
}

/** `millrace bench experiments`: what the KV cache saves, and what threads bring, measured and plotted. */
export function benchExperimentsCommand(): Command {
  const command = new Command("experiments")
    .description("Measure what the KV cache saves (tokens with it, and all recomputed) and what each thread brings.")
    .option("--length <tokens>", "longest sequence", numberOption({ from: 32, to: 1_000_000, whole: true }), 512)
    .option("--repeat <rounds>", "how often all of it is done", numberOption({ from: 1, to: 1000, whole: true }), 3);
  return addConfigOptions(addResultOptions(command), settings).action(async (options: ExperimentOptions) => {
    const { config } = commandConfig(command, settings);
    assertWritable(options);
    const context = Math.max(options.length, prompt + answer);
    const { openLocalEngine } = await import("../../app.ts");
    const opened = await pulling((pull) => openLocalEngine({ ...config, parallel: 1, context }, pull), options);
    using engine = opened.engine;
    using interrupts = abortOnInterrupt();
    const run = { rounds: options.repeat, signal: interrupts.signal, onProgress: progressOf(options) };
    const facts = engineFacts(engine, opened.modelId);
    const reuse = await kvReuse(engine, { ...run, length: Math.min(options.length, engine.info.contextPerSlot) });
    const promptTokens = Math.min(prompt, options.length, engine.info.contextPerSlot - answer);
    const threads = await threadSweep(engine, { ...run, promptTokens, outputTokens: answer });
    const figures = { kvReuse: reuse, threadSweep: threads };
    const text = [kvReuseTable(reuse), agreementLine(reuse), threadTable(threads)];
    showResults({ json: { facts, ...figures }, page: experimentsPage(figures, facts), text }, options);
  });
}
