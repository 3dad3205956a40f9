import { Command, Option } from "commander";
import { isViolated, type Requirement } from "../bench/requirement.ts";
import { workloadNames, workloadShapes } from "../bench/workload.ts";
import { benchEngineCommand } from "./bench/engine.ts";
import { benchExperimentsCommand } from "./bench/experiments.ts";
import { measurementOf, type LoadCommandOptions } from "./bench/load-options.ts";
import { loadProgress } from "./bench/load-progress.ts";
import { addResultOptions, assertWritable, showResults } from "./bench/results.ts";
import { Unsuccessful } from "./failure-report.ts";
import { abortOnInterrupt } from "./interrupts.ts";
import { numberOption } from "./number-option.ts";

const most = 1_000_000_000;
const count = (from: number) => numberOption({ from, to: most, whole: true });
const amount = (from: number) => numberOption({ from, to: most });
const again = (value: string, before: string[] | undefined) => [...(before ?? []), value];

/** `millrace bench`: what the users of a server would feel; below it, the engine alone. */
export function benchCommand(): Command {
  const command = addResultOptions(addLoadOptions(new Command("bench")))
    .description("Measure any server that speaks OpenAI's API under load; or compare two.")
    .addHelpText("after", workloadHelp())
    .action(async (options: LoadCommandOptions) => {
      assertWritable(options);
      const { measurement, level, requirements } = measurementOf(options);
      const { measureServers } = await import("../bench/measure-servers.ts");
      using interrupts = abortOnInterrupt();
      const progress = loadProgress(options, measurement);
      const { signal } = interrupts;
      const measured = await measureServers(measurement, { signal, onProgress: progress.update }).finally(progress.end);
      const { loadResults } = await import("./bench/load-results.ts");
      const { metrics, ...results } = loadResults(measured, measurement, level);
      showResults(results, options);
      if (signal.aborted) throw signal.reason;
      if (metrics["completed"] === 0) throw new Unsuccessful();
      assertAll(requirements, metrics);
    });
  // A group passes on to its commands what the program passes on to it: that errors are thrown.
  command.exitOverride();
  for (const sub of [benchEngineCommand, benchExperimentsCommand])
    command.addCommand(sub().copyInheritedSettings(command));
  return command;
}

function addLoadOptions(command: Command): Command {
  return command
    .option("--url <url>", "the server", "http://127.0.0.1:8000")
    .option("--against <url>", "a second server: both in turns, with the ratio of each figure")
    .option("--rounds <number>", "turns of each of two servers", count(1), 10)
    .option("--model <id>", "default: the first that the server lists")
    .option("--api-key <key>", "key for the server")
    .addOption(new Option("--workload <name>", "what is asked").choices(workloadNames).default("unique"))
    .option("--prompts <file>", 'JSONL of {"prompt" | "messages", "max_tokens"?}, in place of a workload')
    .option("--prompt-tokens <number>", "length of a prompt; in a chat, of each message", count(1))
    .option(
      "--shared-tokens <number>",
      "length of its beginning that is shared; in a chat, of the system message",
      count(0),
    )
    .option("--prefixes <number>", "how many such beginnings come in rotation", count(1))
    .option("--output-tokens <number>", "length of an answer", count(1))
    .option("--turns <number>", "of a chat", count(1))
    .option("--concurrency <number>", "closed loop: clients that ask again when answered (default: 8)", count(1))
    .addOption(
      new Option("--rate <number>", "open loop: requests per second, by the clock")
        .argParser(amount(0.001))
        .conflicts("concurrency"),
    )
    .addOption(new Option("--arrival <process>", "of an open loop").choices(["poisson", "gamma"]).default("poisson"))
    .option("--burstiness <number>", "of gamma arrivals: below 1 in bursts, above it regular", amount(0.01))
    .option("--requests <number>", "how many (default: 64, or no limit with --duration)", count(1))
    .option("--duration <seconds>", "send none after that", amount(0.1))
    .option("--warmup <number>", "requests before the measurement", count(0), 8)
    .option(
      "--seed <number>",
      "of prompts and arrivals (default: another each time)",
      numberOption({ from: 0, to: 2 ** 32 - 1, whole: true }),
    )
    .option("--no-ignore-eos", "let the model end its answers")
    .option("--timeout <seconds>", "for one answer", amount(0.1), 600)
    .option("--slo <limits>", "what counts as well served, in ms: ttft:500,tpot:50")
    .option("--pid <process>", "whose memory is watched, with its children (default: who listens at --url)", count(1))
    .option("--fail-if <condition>", "exit code 1 if it holds, e.g. 'p95_ttft>500'; may be repeated", again);
}

function workloadHelp(): string {
  const lines = workloadNames.map((name) => {
    const { promptTokens, sharedTokens, outputTokens, turns } = workloadShapes[name];
    const parts = [
      `${promptTokens} tokens`,
      ...(sharedTokens > 0 ? [`${sharedTokens} shared`] : []),
      `${outputTokens} out`,
      ...(turns > 1 ? [`${turns} turns`] : []),
    ];
    return `  ${name.padEnd(14)} ${parts.join(", ")}`;
  });
  return `\nWorkloads, and their lengths unless you say otherwise:\n${lines.join("\n")}`;
}

function assertAll(requirements: readonly Requirement[], metrics: Readonly<Record<string, number>>): void {
  const violated = requirements.filter((requirement) => isViolated(requirement, metrics));
  for (const { text, metric } of violated) {
    const value = metrics[metric];
    const found = value === undefined ? "was not measured" : `is ${Number(value.toPrecision(6))}`;
    process.stderr.write(`failed: ${text}: ${metric} ${found}\n`);
  }
  if (violated.length > 0) throw new Unsuccessful();
}
