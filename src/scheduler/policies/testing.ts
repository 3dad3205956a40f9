import type { Lane } from "../../core/generation.ts";
import { LaneAges } from "../lane-ages.ts";
import type { NewSequence, Sequence } from "../sequence.ts";
import { Shares } from "../shares.ts";
import { aSequence } from "../testing.ts";
import type { PreemptionView } from "./policy.ts";

export const STEP_MS = 100;

type Over = Partial<NewSequence & Pick<Sequence, "turns" | "turnStart">> & { generated?: number };

/** A request with a prompt of 8 tokens; with `generated`, one that runs and has so many tokens of its turn. */
export function aRequest({ generated, turns = 0, ...over }: Over = {}): Sequence {
  const sequence = aSequence({
    tenant: { name: "someone", weight: 1 },
    lane: "interactive",
    arrived: 0,
    deadline: Infinity,
    boundaries: [],
    sharedLength: 0,
    limit: 1000,
    ...over,
  });
  sequence.turns = turns;
  if (generated !== undefined) {
    sequence.length += generated;
    sequence.computed = sequence.length - 1;
    sequence.slot = 0;
  }
  return sequence;
}

/** Lanes that nobody has waited in and shares that nobody has used, where a token takes a step. */
export function aView(over: Partial<PreemptionView> = {}): PreemptionView {
  return {
    now: 0,
    shares: new Shares(),
    laneAges: new LaneAges(1000),
    remainingMs: ({ limit, length }) => (limit - length) * STEP_MS,
    turnTokens: 0,
    ...over,
  };
}

/** One slot, or a few, that a policy gives to requests: a prompt takes one step, then each step gives a token. */
export class ToyMachine {
  now = 0;
  readonly waiting: Sequence[] = [];
  readonly running: Sequence[] = [];
}

export function lanesOf(sequences: readonly Sequence[]): Set<Lane> {
  return new Set(sequences.map(({ lane }) => lane));
}
