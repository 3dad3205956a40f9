import { isDeepStrictEqual } from "node:util";
import { Command } from "commander";
import { configKeys, fields } from "../config/fields.ts";
import { modelsKey } from "../config/file-layer.ts";
import { configJsonSchema } from "../config/json-schema.ts";
import type { LoadedConfig } from "../config/load-config.ts";
import type { ConfigKey } from "../config/schema.ts";
import { addConfigOptions, commandConfig } from "./config-options.ts";

const settings: readonly ConfigKey[] = configKeys.filter((key) => fields[key].flag !== undefined);
const ofModel: readonly ConfigKey[] = configKeys.filter((key) => fields[key].perModel === true);

/** `millrace config`: what is set, and what may be. */
export function configCommand(): Command {
  const show = new Command("show")
    .description("Print each setting with where it came from; takes the options of 'serve'.")
    .option("--json", "print JSON")
    .exitOverride();
  addConfigOptions(show, settings).action(({ json }: { json?: true }) => {
    const loaded = commandConfig(show, settings);
    process.stdout.write(json === true ? `${JSON.stringify(asJson(loaded), null, 2)}\n` : asTable(loaded));
  });
  const schema = new Command("schema")
    .description("Print the JSON Schema of the configuration file.")
    .exitOverride()
    .action(() => void process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`));
  return new Command("config")
    .description("Show the settings, and what they may be.")
    .addCommand(show)
    .addCommand(schema);
}

function asJson({ config, origins, models }: LoadedConfig): object {
  const settings = configKeys.map((key) => [
    fields[key].file,
    { value: shownValue(config, key) ?? null, ...origins[key] },
  ]);
  const listed = models.map((model) =>
    Object.fromEntries(ofModel.map((key) => [fields[key].file, shownValue(model.config, key) ?? null])),
  );
  return { ...Object.fromEntries(settings), models: listed };
}

/** All settings of the first model, and those in which the others differ from it. */
function asTable({ config, origins, models }: LoadedConfig): string {
  const differs = (key: ConfigKey, other: LoadedConfig["config"]) => !isDeepStrictEqual(other[key], config[key]);
  const rows = [
    ...configKeys.map((key) => rowOf(fields[key].file, key, { config, origins })),
    ...models.flatMap((model, index) =>
      ofModel
        .filter((key) => differs(key, model.config))
        .map((key) => rowOf(`${modelsKey}[${index}].${fields[key].file}`, key, model)),
    ),
  ];
  const widths = [0, 1].map((column) => Math.min(60, Math.max(...rows.map((row) => row[column]!.length))));
  return rows
    .map(([name, value, place]) => `${name!.padEnd(widths[0]!)}  ${value!.padEnd(widths[1]!)}  ${place}\n`)
    .join("");
}

type Settings = Pick<LoadedConfig, "config" | "origins">;

function rowOf(name: string, key: ConfigKey, { config, origins }: Settings): string[] {
  return [name, inWords(shownValue(config, key)), origins[key].place];
}

/** The value of a setting, or stars for each secret. */
function shownValue(config: LoadedConfig["config"], key: ConfigKey): unknown {
  const value = config[key];
  if (fields[key].secret !== true || value === undefined) return value;
  return Array.isArray(value) ? value.map(() => "***") : "***";
}

function inWords(value: unknown): string {
  if (value === undefined) return "not set";
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(inWords).join(", ");
  return typeof value === "string" && !/[\t\r\n]|^$/.test(value) ? value : JSON.stringify(value);
}
