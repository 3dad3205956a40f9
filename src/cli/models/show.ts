import { Command } from "commander";
import { formatBytes } from "../../core/format-bytes.ts";
import { showModel, type ShownModel } from "../../model/show-model.ts";
import { addConfigOptions, commandConfig } from "../config-options.ts";
import { table } from "../table.ts";

/** `millrace models show`: what is known about a model, without the network. */
export function modelsShowCommand(): Command {
  const command = new Command("show")
    .description("Describe a model that is here, in the catalogue, or in a file.")
    .argument("<model>", "name, reference or path of a GGUF file")
    .option("--json", "as JSON");
  return addConfigOptions(command, []).action(async (model: string, { json }: { json?: true }) => {
    const { home } = commandConfig(command, []).config;
    const shown = await showModel(model, home);
    process.stdout.write(json ? `${JSON.stringify(withoutTensors(shown), undefined, 2)}\n` : inWords(shown));
  });
}

function inWords({ name, entry, stored, header }: ShownModel): string {
  const rows: [string, string | undefined][] = [
    ["name", name],
    ["file", stored?.file ?? header?.file ?? "not here; millrace models pull gets it"],
    ["size", formatBytes(stored?.bytes ?? header?.fileBytes ?? entry?.bytes ?? 0)],
    ["from", stored?.source],
    ["used by", stored && stored.usedBy.length > 0 ? `process ${stored.usedBy.join(", ")}` : undefined],
    ["licence", entry?.license ?? header?.license],
    ["parameters", millions(header?.parameters ?? entry?.parameters)],
    ["numbers", header?.fileType ?? entry?.format],
    ["architecture", header?.architecture],
    ["context", `${header?.contextLength ?? entry?.contextLength} tokens at most`],
    ["for", entry?.task],
    ["template", entry?.template ?? (header?.hasChatTemplate ? "its own" : "none: it continues texts")],
    [
      "defaults",
      entry &&
        Object.entries(entry.defaults)
          .map(([key, value]) => `${key} ${value}`)
          .join(", "),
    ],
    ["sha256", stored?.files.map(({ sha256 }) => sha256).join(", ")],
    ["checked", entry?.verified === false ? "no: its sources were never tried by us" : undefined],
  ];
  return table(rows.flatMap(([about, text]) => (text === undefined || text === "" ? [] : [[about, text]])));
}

function millions(parameters: number | undefined): string | undefined {
  return parameters === undefined ? undefined : `${Math.round(parameters / 1e6)} million`;
}

/** The tensors would be a thousand lines that tell nobody anything. */
function withoutTensors({ header, ...shown }: ShownModel) {
  if (header === undefined) return shown;
  const { tensors, ...rest } = header;
  return { ...shown, header: { ...rest, tensors: tensors.length } };
}
