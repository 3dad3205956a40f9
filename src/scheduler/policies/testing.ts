import type { NewSequence, Sequence } from "../sequence.ts";
import { LaneAges } from "../lane-ages.ts";
import { Shares } from "../shares.ts";
import { aSequence } from "../testing.ts";
import type { Policy, PreemptionView } from "./policy.ts";
import { usedTurns } from "./turns.ts";

const STEP_MS = 100;

type Over = Partial<NewSequence & Pick<Sequence, "turns">> & { readonly generated?: number };

/** An interactive request with a prompt of 8 tokens; with `generated`, one that runs and has so many of its turn. */
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
    sequence.slot = 0;
  }
  return sequence;
}

/** Nobody has waited in vain or was served anything; every token takes the same time. */
export function aView(over: Partial<PreemptionView> = {}): PreemptionView {
  return {
    now: 0,
    shares: new Shares(),
    laneAges: new LaneAges(1000),
    slotsOf: () => 1,
    promptMs: () => 0,
    remainingMs: ({ limit, length }) => (limit - length) * STEP_MS,
    turnTokens: 0,
    ...over,
  };
}

/** Some slots, given away as the scheduler does; in each step a prompt is computed whole and everyone samples a token. */
export class ToyMachine {
  readonly waiting: Sequence[] = [];
  readonly running: Sequence[] = [];
  readonly view: PreemptionView & { now: number };
  /** Slots that changed hands before their sequence ended. */
  preemptions = 0;
  readonly #policy: Policy;
  readonly #slots: number;

  constructor(policy: Policy, slots: number, view: Partial<PreemptionView> = {}) {
    this.#policy = policy;
    this.#slots = slots;
    const slotsOf = (name: string) => this.running.filter(({ tenant }) => tenant.name === name).length;
    this.view = aView({ slotsOf, ...view });
  }

  /** Returns the sequences of the step; those that were at their end have left. */
  step(): readonly Sequence[] {
    const { view, waiting, running } = this;
    for (const { tenant } of waiting) view.shares.activate(tenant);
    view.laneAges.present(new Set(waiting.map(({ lane }) => lane)), view.now);
    for (let moves = 0; this.#move(); moves++) {
      if (moves > 4 * this.#slots) throw new Error("slots change hands again and again within a step");
    }
    view.now += STEP_MS;
    const stepped = running.slice();
    for (const sequence of stepped) this.#compute(sequence);
    return stepped;
  }

  /** Gives an idle slot to the first that waits, or takes one for it. */
  #move(): boolean {
    const { view, waiting, running } = this;
    const { compare, preempts } = this.#policy;
    const ready = waiting.filter(({ credit }) => credit > 0).toSorted((a, b) => compare(a, b, view));
    const first = ready[0];
    if (first === undefined) return false;
    if (running.length < this.#slots) {
      waiting.splice(waiting.indexOf(first), 1);
      running.push(Object.assign(first, { slot: 0, turnStart: first.length }));
      if (waiting.every(({ tenant }) => tenant.name !== first.tenant.name)) view.shares.deactivate(first.tenant);
      return true;
    }
    const losers = running.filter((holder) => preempts(first, holder, view)).toSorted((a, b) => compare(b, a, view));
    const loser = losers[0];
    if (loser === undefined) return false;
    running.splice(running.indexOf(loser), 1);
    waiting.push(Object.assign(loser, { slot: undefined, turns: loser.turns + usedTurns(loser, view.turnTokens) }));
    view.shares.activate(loser.tenant);
    this.preemptions++;
    return true;
  }

  #compute(sequence: Sequence): void {
    if (sequence.credit <= 0) return;
    const { shares, laneAges, now } = this.view;
    const isPrompt = sequence.length === sequence.promptLength;
    shares.charge(sequence.tenant, { prefill: isPrompt ? sequence.promptLength : 0, decode: isPrompt ? 0 : 1 });
    laneAges.served(sequence.lane, now);
    sequence.length++;
    sequence.credit--;
    if (sequence.length === sequence.limit) this.running.splice(this.running.indexOf(sequence), 1);
  }
}
