import { Command } from "commander";
import { formatBytes } from "../../core/format-bytes.ts";
import { ModelStore } from "../../model/store.ts";
import { addConfigOptions, commandConfig } from "../config-options.ts";

/** `millrace models rm`: forgets a model and frees its files. */
export function modelsRemoveCommand(): Command {
  const command = new Command("rm")
    .alias("remove")
    .description("Remove a model from the store. One that is in use is kept.")
    .argument("<model>", "its name, as `models list` shows it");
  return addConfigOptions(command, []).action(async (model: string) => {
    const { bytes } = await new ModelStore(commandConfig(command, []).config.home).remove(model);
    process.stdout.write(`${model} is removed; ${formatBytes(bytes)} are free again\n`);
  });
}
