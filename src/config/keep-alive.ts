const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

const part = String.raw`(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h)`;
const duration = new RegExp(`^-?(?:${part})+$`);

/**
 * How long a model stays in memory without a request, in ms, as it is written: seconds (300), or a duration ("5m",
 * "1h30m", "500ms"); 0 = not at all, anything negative = Infinity. Undefined = it is none of these.
 */
export function keepAliveMs(value: string | number): number | undefined {
  const text = String(value);
  if (text.length > 40) return undefined;
  if (/^-?\d{1,9}(\.\d{1,6})?$/.test(text)) return text.startsWith("-") ? Infinity : 1000 * Number(text);
  if (!duration.test(text)) return undefined;
  if (text.startsWith("-")) return Infinity;
  return [...text.matchAll(new RegExp(part, "g"))].reduce((sum, [, n, unit]) => sum + Number(n) * unitMs[unit!]!, 0);
}
