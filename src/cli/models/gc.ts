import { Command } from "commander";
import { formatBytes } from "../../core/format-bytes.ts";
import { ModelStore } from "../../model/store.ts";
import { addConfigOptions, commandConfig } from "../config-options.ts";

/** `millrace models gc`: removes what no model needs. */
export function modelsGcCommand(): Command {
  const command = new Command("gc")
    .description("Remove what no model needs: replaced files, and what interrupted pulls left.")
    .option("--json", "as JSON");
  return addConfigOptions(command, []).action(async ({ json }: { json?: true }) => {
    const freed = await new ModelStore(commandConfig(command, []).config.home).gc();
    if (json) {
      process.stdout.write(`${JSON.stringify(freed)}\n`);
      return;
    }
    for (const path of freed.removed) process.stdout.write(`${path}\n`);
    process.stdout.write(`${freed.removed.length} removed; ${formatBytes(freed.bytes)} are free again\n`);
  });
}
