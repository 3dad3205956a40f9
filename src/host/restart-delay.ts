const longestMs = 30_000;

/** Milliseconds to wait before an engine that died is started again: 0, 0.5 s, 1 s, 2 s … 30 s. `deaths` before this one. */
export function restartDelay(deaths: number): number {
  return deaths === 0 ? 0 : Math.min(250 * 2 ** deaths, longestMs);
}
