import { closestWord } from "../core/closest-word.ts";
import { failure } from "../core/errors.ts";
import { configFileVariable, configKeys, fields } from "./fields.ts";
import type { ConfigKey } from "./schema.ts";

/** Where a value came from: `place` is the option, the variable, or `file:line`. */
export interface Origin {
  readonly layer: "default" | "file" | "environment" | "flag";
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

/** An empty variable counts as unset, as compose files produce them. Unknown `MILLRACE_*` names are errors. */
export function environmentLayer(environment: NodeJS.ProcessEnv): Layer {
  const byVariable = new Map(configKeys.map((key) => [fields[key].environment, key]));
  const layer = new Map<ConfigKey, Setting>();
  for (const [place, text] of Object.entries(environment)) {
    if (!place.startsWith("MILLRACE_") || place === configFileVariable || text === undefined || text === "") continue;
    const key = byVariable.get(place);
    if (key === undefined) {
      throw unknownName(`environment variable ${place}`, place, [...byVariable.keys(), configFileVariable]);
    }
    layer.set(key, { value: fields[key].fromText(text), origin: { layer: "environment", place } });
  }
  return layer;
}

/** The error for a name that no setting has. */
export function unknownName(what: string, name: string, known: readonly string[]): Error {
  const meant = closestWord(name, known);
  const advice = meant === undefined ? `known: ${known.join(", ")}` : `did you mean ${meant}?`;
  return failure("invalid_config", { problem: `unknown ${what}; ${advice}` });
}
