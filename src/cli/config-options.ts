import { type Command, Option } from "commander";
import { fields } from "../config/fields.ts";
import { loadConfig, type LoadedConfig } from "../config/load-config.ts";
import type { Flags } from "../config/layers.ts";
import type { ConfigKey } from "../config/schema.ts";

/** Gives a command the options of these settings, as the configuration describes them, and `--config`, `--verbose`. */
export function addConfigOptions(command: Command, keys: readonly ConfigKey[]): Command {
  for (const key of keys) command.addOption(optionFor(key));
  return command
    .option("--config <file>", "YAML or JSON file with these settings")
    .option("--verbose", "log everything, and show where an error came from");
}

/** The settings of a command: its options, the environment, the `.env` of this folder, the file. `over` are its arguments. */
export function commandConfig(command: Command, keys: readonly ConfigKey[], over: Flags = {}): LoadedConfig {
  const loaded = loadConfig({ ...readFlags(command, keys), ...over }, process.env, process.cwd());
  const { hfEndpoint, hfToken } = loaded.config;
  // Where pulls look for them, as all tools of the hub do; here they may come from a file as well.
  if (hfEndpoint !== undefined) process.env["HF_ENDPOINT"] = hfEndpoint;
  if (hfToken !== undefined) process.env["HF_TOKEN"] = hfToken;
  return loaded;
}

/** The options that were given, by the names of the settings. */
function readFlags(command: Command, keys: readonly ConfigKey[]): Flags {
  const given = command.opts<Record<string, string | boolean | string[]>>();
  const flags = keys.map((key) => [key, given[optionFor(key).attributeName()]]);
  return { ...Object.fromEntries(flags), config: given["config"], verbose: given["verbose"] };
}

function optionFor(key: ConfigKey): Option {
  const { flag, summary } = fields[key];
  if (flag === undefined) throw new Error(`'${key}' has no option`);
  const fallback = loadConfig({}, {}).config[key];
  const shown = typeof fallback === "string" || typeof fallback === "number";
  const option = new Option(flag, shown ? `${summary} (default: ${fallback})` : summary);
  return Array.isArray(fallback)
    ? option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
    : option;
}
