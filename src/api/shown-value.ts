/** A value in a few words. Never descends into it: it may be nested 200,000 levels deep. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(shorten(value, 60));
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

export function shorten(value: string, most: number): string {
  return value.length <= most ? value : `${value.slice(0, most)}…`;
}
