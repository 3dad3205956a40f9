import { closestWord } from "../core/closest-word.ts";
import { failure } from "../core/errors.ts";
import type { Variable } from "./dot-env.ts";
import { configFileVariable, configKeys, fields } from "./fields.ts";
import { foreignVariables, readForeign } from "./foreign-names.ts";
import type { ConfigKey } from "./schema.ts";

/** Where a value came from: `place` is the option, the variable, or `file:line`. */
export interface Origin {
  readonly layer: "default" | "file" | ".env" | "environment" | "flag";
  readonly place: string;
}

export interface Setting {
  readonly value: unknown;
  readonly origin: Origin;
}

/** What one layer says; keys it is silent about are absent. */
export type Layer = ReadonlyMap<ConfigKey, Setting>;

/** Options as the command line gives them, by the names of `Config`. */
export type Flags = { readonly [K in ConfigKey]?: string | boolean | readonly string[] } & {
  readonly config?: string;
  /** Short for the log level "debug". */
  readonly verbose?: boolean;
};

/** The variables of one source. An empty one counts as unset, as compose files produce them. */
export interface Variables {
  readonly layer: ".env" | "environment";
  readonly list: readonly Variable[];
}

export function flagLayer(flags: Flags): Layer {
  const layer = new Map<ConfigKey, Setting>();
  for (const key of configKeys) {
    const given = flags[key];
    if (given === undefined) continue;
    const place = fields[key].flag?.split(" ")[0] ?? key;
    const value = typeof given === "string" ? fields[key].fromText(given) : given;
    layer.set(key, { value, origin: { layer: "flag", place } });
  }
  if (flags.verbose === true) {
    layer.set("logLevel", { value: "debug", origin: { layer: "flag", place: "--verbose" } });
  }
  return layer;
}

export function variablesOf(environment: NodeJS.ProcessEnv): Variables {
  const list = Object.entries(environment).map(([name, text = ""]) => ({ name, text, place: name }));
  return { layer: "environment", list };
}

/** What `MILLRACE_*` variables say. Unknown names are errors. */
export function ownVariableLayer({ layer: source, list }: Variables): Layer {
  const byVariable = new Map(configKeys.map((key) => [fields[key].environment, key]));
  const layer = new Map<ConfigKey, Setting>();
  for (const { name, text, place } of list) {
    if (!name.startsWith("MILLRACE_") || name === configFileVariable || text === "") continue;
    const key = byVariable.get(name);
    if (key === undefined) {
      const where = place === name ? name : `${name} at ${place}`;
      throw unknownName(`environment variable ${where}`, name, [...byVariable.keys(), configFileVariable]);
    }
    layer.set(key, { value: fields[key].fromText(text), origin: { layer: source, place } });
  }
  return layer;
}

/** What variables with other servers' names say. */
export function foreignVariableLayer({ layer: source, list }: Variables): Layer {
  const layer = new Map<ConfigKey, Setting>();
  for (const { name, text, place } of list) {
    if (text === "" || !Object.hasOwn(foreignVariables, name)) continue;
    const where = place === name ? "from the environment" : place;
    const meant = readForeign(foreignVariables[name]!, { text: name, place: where }, text);
    if (meant === undefined) continue;
    const value = typeof meant.value === "string" ? fields[meant.key].fromText(meant.value) : meant.value;
    const shown = place === name ? name : `${place} (${name})`;
    layer.set(meant.key, { value, origin: { layer: source, place: shown } });
  }
  return layer;
}

/** The error for a name that no setting has. */
export function unknownName(what: string, name: string, known: readonly string[]): Error {
  const meant = closestWord(name, known);
  const advice = meant === undefined ? `known: ${known.join(", ")}` : `did you mean ${meant}?`;
  return failure("invalid_config", { problem: `unknown ${what}; ${advice}` });
}
