import type { InterTokenTarget } from "../core/scheduling.ts";

/** Beyond these a target means nothing: "off" says so. */
const mostTimes = 1000;
const mostMs = 3_600_000;

/** "off", a multiple ("3x"), milliseconds ("100ms", "100"); undefined = it is none of these. */
export function interTokenTarget(value: string | number): InterTokenTarget | undefined {
  if (value === "off") return { kind: "off" };
  const [, digits, unit] = /^(\d{1,7}(?:\.\d{1,6})?)(x|ms)?$/.exec(String(value)) ?? [];
  const amount = Number(digits);
  if (unit === "x") return amount >= 1 && amount <= mostTimes ? { kind: "times", times: amount } : undefined;
  return amount > 0 && amount <= mostMs ? { kind: "ms", ms: amount } : undefined;
}
