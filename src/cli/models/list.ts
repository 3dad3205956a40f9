import { Command } from "commander";
import { formatBytes } from "../../core/format-bytes.ts";
import { catalogue } from "../../model/catalogue.ts";
import { ModelStore } from "../../model/store.ts";
import { addConfigOptions, commandConfig } from "../config-options.ts";
import { styled } from "../style.ts";
import { table } from "../table.ts";

/** `millrace models list`: what is in the store, then what the catalogue has beside it. */
export function modelsListCommand(): Command {
  const command = new Command("list")
    .alias("ls")
    .description("List the models that are here, and those that can be pulled by name.")
    .option("--json", "as JSON");
  return addConfigOptions(command, []).action(async ({ json }: { json?: true }) => {
    const { config } = commandConfig(command, []);
    const stored = await new ModelStore(config.home).list();
    const available = catalogue.filter(({ name }) => !stored.some((model) => model.name === name));
    if (json) {
      process.stdout.write(`${JSON.stringify({ stored, available }, undefined, 2)}\n`);
      return;
    }
    const rows = [
      ["NAME", "SIZE", "STATE", "LICENCE"],
      ...stored.map(({ name, bytes, usedBy }) => [
        name,
        formatBytes(bytes),
        usedBy.length > 0 ? "in use" : "here",
        catalogue.find((entry) => entry.name === name)?.license ?? "",
      ]),
      ...available.map(({ name, bytes, license }) => [name, formatBytes(bytes), "-", license]),
    ];
    process.stdout.write(table(rows));
    const hint = "millrace models pull NAME gets one; so does hf:owner/repo:Q4_K_M";
    if (process.stdout.isTTY) process.stdout.write(`\n${styled(process.stdout, "dim", hint)}\n`);
  });
}
