import type { Sequence } from "../sequence.ts";
import { ascending } from "./orders.ts";

/**
 * Each turn that it has used puts a sequence so far back, in ms. New requests so come before long answers, which keeps
 * the time to the first token short when there are more requests than slots; but not for ever, as they would if turns
 * were compared first. With 32 tokens to a turn it is half the speed of reading: an answer that has come slower than
 * that since it was asked for does not give way.
 */
export const TURN_MS = 15_000;

/** Whole turns that a running sequence has generated since it got its slot: add them to `turns` when it gives it up. */
export function usedTurns({ length, turnStart }: Sequence, turnTokens: number): number {
  return turnTokens > 0 ? Math.floor((length - turnStart) / turnTokens) : 0;
}

/** Its arrival, put back for each turn that it has used; on the loop's clock, in ms. */
export function placeOf({ arrived, turns }: Sequence): number {
  return arrived + turns * TURN_MS;
}

/** Turns and arrival; and the id, so that every order that ends with this one is total. */
export function byPlace(a: Sequence, b: Sequence): number {
  return ascending(placeOf(a), placeOf(b)) || ascending(a.turns, b.turns) || ascending(a.id, b.id);
}
