import { failure } from "../core/errors.ts";
import type { LoadSample } from "./load-result.ts";
import { timesOf } from "./request-times.ts";

const limited = ["ttft", "tpot", "e2el"] as const;

/** The most that a request may take to count as well served, in ms; what is left out is not limited. */
export type ServiceLevel = Readonly<Partial<Record<(typeof limited)[number], number>>>;

/** Reads "ttft:500,tpot:50". Throws `invalid_config`. */
export function parseServiceLevel(text: string): ServiceLevel {
  const level: Partial<Record<(typeof limited)[number], number>> = {};
  for (const part of text.split(",")) {
    const match = /^\s*(\w+):(\d+(?:\.\d+)?)\s*$/.exec(part);
    const name = limited.find((one) => one === match?.[1]);
    if (match === null || name === undefined || level[name] !== undefined)
      throw failure("invalid_config", {
        problem: `--slo: '${part}' is no limit; accepted: ${limited.join(", ")}, each once, with milliseconds, like ttft:500,tpot:50`,
      });
    level[name] = Number(match[2]);
  }
  return level;
}

/** Answered as asked, within every limit. */
export function isWellServed(sample: LoadSample, level: ServiceLevel): boolean {
  const times = timesOf(sample);
  // An answer of one token has no time per further token.
  return sample.problem === undefined && limited.every((name) => !((times[name] ?? 0) > (level[name] ?? Infinity)));
}
