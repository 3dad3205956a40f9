import { Command } from "commander";
import type { ConfigKey } from "../config/schema.ts";
import { formatBytes } from "../core/format-bytes.ts";
import { addConfigOptions, commandConfig } from "./config-options.ts";
import { abortOnInterrupt } from "./interrupts.ts";
import { noProgress, ProgressDisplay } from "./progress.ts";

const settings: readonly ConfigKey[] = ["threads"];

/** `millrace quantize`: writes a model file again with smaller (or larger) numbers. */
export function quantizeCommand(): Command {
  const command = new Command("quantize")
    .description("Write a model file again in another number format.")
    .argument("<source>", "model name or path of a GGUF file; F16 gives the best result")
    .argument("<type>", "q4_0, q4_k_m, q8_0, f16, ...")
    .argument("<output>", "path of the new GGUF file")
    .option("--quiet", "show no progress");
  return addConfigOptions(command, settings).action(async (model: string, type: string, output: string) => {
    const { quiet } = command.opts<{ quiet?: true }>();
    const { config } = commandConfig(command, settings, { model });
    const { quantize } = await import("../app.ts");
    const begin = performance.now();
    using interrupts = abortOnInterrupt();
    const progress = quiet === true ? noProgress : new ProgressDisplay(process.stderr);
    const { before, after } = await quantize(config, {
      type,
      output,
      signal: interrupts.signal,
      onPull: progress.onPull,
      onWritten: ({ written, total }) => progress.update({ title: `Writing ${output}`, done: written, total }),
    }).finally(() => progress.end());
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    const share = Math.round((100 * after) / before);
    process.stdout.write(`${output}: ${formatBytes(before)} -> ${formatBytes(after)} (${share} %) in ${seconds} s\n`);
  });
}
