/** A model that could be unloaded so that another has room. */
export interface Movable {
  /** Bytes that its end gives back. */
  readonly bytes: number;
  /** Ms since its last request; Infinity is not meant. */
  readonly idleMs: number;
  /** How long its last loading took, in ms. */
  readonly reloadMs: number;
}

/**
 * Those of `movable` to be unloaded so that at least `missing` bytes come free, least worth first; undefined = all of them
 * are not enough. A model is worth the time that it takes to load it again, the less the longer nobody asked for it.
 */
export function leastWorth<T extends Movable>(movable: readonly T[], missing: number): T[] | undefined {
  const chosen: T[] = [];
  let free = 0;
  for (const one of movable.toSorted((a, b) => worth(a) - worth(b))) {
    if (free >= missing) break;
    chosen.push(one);
    free += one.bytes;
  }
  if (free < missing) return undefined;
  // What came later may be so large that what came before it can stay.
  for (const one of chosen.toReversed()) {
    if (free - one.bytes < missing) continue;
    free -= one.bytes;
    chosen.splice(chosen.indexOf(one), 1);
  }
  return chosen;
}

function worth({ idleMs, reloadMs }: Movable): number {
  return Math.max(1, reloadMs) / Math.max(1, idleMs);
}
