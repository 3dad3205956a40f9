import { Command } from "commander";
import type { ConfigKey } from "../../config/schema.ts";
import { formatBytes } from "../../core/format-bytes.ts";
import { machineFacts, suggestModels } from "../../model/suggest.ts";
import { addConfigOptions, commandConfig } from "../config-options.ts";
import { styled } from "../style.ts";
import { table } from "../table.ts";

const settings: readonly ConfigKey[] = ["parallel", "context"];

/** `millrace models suggest`: which models are worth running on this machine, and why. */
export function modelsSuggestCommand(): Command {
  const command = new Command("suggest")
    .description("Say which models of the catalogue suit this machine's memory and speed, and why.")
    .option("--json", "as JSON");
  return addConfigOptions(command, settings).action(async ({ json }: { json?: true }) => {
    const { parallel: slots, context: contextPerSlot } = commandConfig(command, settings).config;
    const machine = machineFacts();
    const suggestions = suggestModels(machine, { slots, contextPerSlot });
    if (json) {
      process.stdout.write(`${JSON.stringify({ machine, suggestions }, undefined, 2)}\n`);
      return;
    }
    const { memoryBytes, bytesPerSecond } = machine;
    const about = `${formatBytes(memoryBytes)} of memory at ${formatBytes(bytesPerSecond)}/s`;
    process.stdout.write(`This machine has ${about}; estimates for ${slots} x ${contextPerSlot} tokens.\n\n`);
    process.stdout.write(table(suggestions.map(({ entry, verdict, why }) => [entry.name, verdict, why])));
    const [first] = suggestions;
    if (first?.verdict !== "recommended") return;
    const next = `millrace chat --model ${first.entry.name}`;
    process.stdout.write(`\n${styled(process.stdout, "bold", next)}\n`);
  });
}
