import { configKeys, fields } from "../../src/config/fields.ts";
import { describeForeign, foreignKeys, foreignVariables } from "../../src/config/foreign-names.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { configSchema, type ConfigKey } from "../../src/config/schema.ts";
import { tableOf } from "./table.ts";

export function settingTable(): string {
  const { config } = loadConfig({}, { MILLRACE_HOME: "~/.local/share/millrace" });
  const fallback = (key: ConfigKey) => {
    const value = config[key];
    if (value === undefined) return "not set";
    return typeof value === "object" ? "none" : `\`${value}\``;
  };
  return tableOf(
    ["key in the file", "option", "variable", "is", "accepted", "default"],
    configKeys.map((key) => {
      const { file, flag, environment, summary } = fields[key];
      const option = flag === undefined ? "" : `\`${flag.split(" ")[0]}\``;
      return [
        `\`${file}\``,
        option,
        `\`${environment}\``,
        summary,
        configSchema.shape[key].description!,
        fallback(key),
      ];
    }),
  );
}

export function foreignVariableTable(): string {
  return foreignTable("variable", foreignVariables);
}

export function foreignKeyTable(): string {
  return foreignTable("key", foreignKeys);
}

function foreignTable(what: string, names: typeof foreignKeys): string {
  const rows = Object.entries(names).map(([name, foreign]) => [`\`${name}\``, describeForeign(foreign)]);
  return tableOf([what, "here"], rows);
}
