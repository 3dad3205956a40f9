import { closestWord } from "../../core/closest-word.ts";
import { failure } from "../../core/errors.ts";

interface Range {
  readonly from: number;
  readonly to: number;
  readonly whole?: true;
}

/** What may be set for the next answers, in the names of the API. */
export const parameterRanges = {
  temperature: { from: 0, to: 2 },
  top_p: { from: 0, to: 1 },
  top_k: { from: 0, to: 1_000_000, whole: true },
  min_p: { from: 0, to: 1 },
  frequency_penalty: { from: -2, to: 2 },
  presence_penalty: { from: -2, to: 2 },
  max_tokens: { from: 1, to: 2 ** 31 - 1, whole: true },
  seed: { from: 0, to: 2 ** 32 - 1, whole: true },
} as const satisfies Record<string, Range>;

type ParameterName = keyof typeof parameterRanges;

/** Those that were set; for the others the model's side has its own values. */
export type ChatParameters = Readonly<Partial<Record<ParameterName, number>>>;

const names = Object.keys(parameterRanges) as ParameterName[];

/** `before` with the changes of "temperature=0.2 seed=off". Throws `invalid_config`, and changes nothing then. */
export function changedParameters(before: ChatParameters, text: string): ChatParameters {
  const changed: Partial<Record<ParameterName, number>> = { ...before };
  for (const word of text.split(/[\s,]+/).filter((word) => word !== "")) {
    const [, name, value] = /^([^=]+)=(.+)$/.exec(word) ?? [];
    if (name === undefined || value === undefined) throw problem(`'${word}' is not of the form NAME=VALUE`);
    const known = names.find((candidate) => candidate === name);
    if (known === undefined) throw problem(`there is no parameter '${name}'${advice(name)}`);
    if (value === "off") delete changed[known];
    else changed[known] = numberOf(known, value);
  }
  return changed;
}

/** For people: "temperature=0.2 seed=7". */
export function parametersInWords(parameters: ChatParameters): string {
  const set = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return set.length === 0 ? `nothing is set; known: ${names.join(", ")}` : set.join(" ");
}

function numberOf(name: ParameterName, text: string): number {
  const { from, to, whole }: Range = parameterRanges[name];
  const value = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (value >= from && value <= to && (whole !== true || Number.isInteger(value))) return value;
  throw problem(`${name} is ${text}; accepted: a ${whole ? "whole " : ""}number from ${from} to ${to}, or off`);
}

function advice(name: string): string {
  const near = closestWord(name, names);
  return near === undefined ? `; known: ${names.join(", ")}` : `; did you mean ${near}?`;
}

const problem = (problem: string) => failure("invalid_config", { problem });
