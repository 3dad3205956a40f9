import { Command } from "commander";
import { formatBytes } from "../../core/format-bytes.ts";
import { resolveModel } from "../../model/resolve-model.ts";
import { addConfigOptions, commandConfig } from "../config-options.ts";
import { pulling } from "../pulling.ts";

interface PullFlags {
  readonly quiet?: true;
  readonly json?: true;
}

/** `millrace models pull`: gets a model into the store. What an interrupted pull left is used. */
export function modelsPullCommand(): Command {
  const command = new Command("pull")
    .alias("download")
    .description("Get a model: a name of the catalogue, hf:owner/repo:Q4_K_M, or an https: address.")
    .argument("<model>", "name or reference")
    .option("--quiet", "show no progress, and print only the file's path")
    .option("--json", "print what was got as JSON");
  return addConfigOptions(command, []).action(async (model: string, { quiet, json }: PullFlags) => {
    const { home } = commandConfig(command, []).config;
    const { id, file, header } = await pulling(
      ({ signal, onPull: onProgress }) => resolveModel(model, { home, signal, onProgress }),
      { quiet: quiet === true || json === true },
    );
    const { fileBytes: bytes } = header;
    if (json) process.stdout.write(`${JSON.stringify({ id, file, bytes })}\n`);
    else if (quiet) process.stdout.write(`${file}\n`);
    else process.stdout.write(`${id} is here: ${formatBytes(bytes)}, ${file}\n`);
  });
}
