import type { Engine } from "../../src/engine/engine.ts";
import type { EngineSpec } from "../../src/engine/open.ts";
import { startHost } from "./built-host.ts";

const starts = 5;

/** How long an engine process takes from its start to `ready` when nothing else happens: the median, in ms. */
export async function startingMs(spec: EngineSpec): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < starts; i++) {
    const begin = performance.now();
    await using host = await startHost(spec);
    await host.ready();
    times.push(performance.now() - begin);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(starts / 2)]!;
}

/**
 * How long an engine that holds nothing takes to compute these again, in ms: one after the other, and what all of them
 * begin with only once. The least that a recovery has to do.
 */
export function recomputingMs(engine: Engine, histories: readonly Int32Array[]): number {
  for (let slot = 0; slot < engine.plan.slots; slot++) engine.trim(slot, 0);
  const shared = commonBeginning(histories);
  const begin = performance.now();
  histories.forEach((tokens, slot) => {
    if (slot > 0 && shared > 0) engine.copy(0, slot, shared);
    compute(engine, slot, tokens);
  });
  return performance.now() - begin;
}

/** Computes what the slot does not hold of `tokens`. */
function compute(engine: Engine, slot: number, tokens: Int32Array): void {
  for (let from = engine.held(slot); from < tokens.length; from = engine.held(slot)) {
    const count = Math.min(engine.plan.microBatch, tokens.length - from);
    engine.step([{ slot, tokens, from, count, outputs: "last" }]);
  }
}

/** In tokens; each of them has at least one of its own. */
function commonBeginning(histories: readonly Int32Array[]): number {
  const [first = new Int32Array()] = histories;
  const differs = first.findIndex((token, at) => histories.some((other) => other[at] !== token));
  const shortest = Math.min(...histories.map(({ length }) => length));
  return Math.max(0, Math.min(differs < 0 ? first.length : differs, shortest - 1));
}
