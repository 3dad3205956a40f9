import { defaultPlan, type ExecutionPlan } from "../core/execution-plan.ts";
import { defaultScheduling, type Scheduling } from "../core/scheduling.ts";
import type { Capabilities } from "../engine/engine.ts";
import { Mover, type SlotMemory } from "./apply-move.ts";
import { planMove, type Move, type Wait } from "./plan-move.ts";
import { newSequence, nothingForced, type NewSequence, type Sequence } from "./sequence.ts";
import { newState, type SchedulerState } from "./state.ts";
import { checksum, END, ToyEngine } from "./toy-engine/testing.ts";

/**
 * An interactive request with nothing special, whose next token is a checksum of all tokens before it; token 0, about
 * one in sixteen, ends it.
 */
export function aSequence(over: Partial<NewSequence> & { length?: number } = {}): Sequence {
  const { length = 8, ...rest } = over;
  const prompt = rest.prompt ?? aPrompt(length);
  return newSequence({
    id: "s",
    tenant: aTenant("someone"),
    lane: "interactive",
    arrived: 0,
    deadline: Infinity,
    limit: Math.max(64, prompt.length + 32),
    credit: Infinity,
    boundaries: [],
    sharedLength: 0,
    sample: (_logits, { tokens, length }) => checksum(tokens.subarray(0, length)),
    forced: nothingForced,
    endsGeneration: (token) => token === END,
    ...rest,
    prompt,
  });
}

/** Prompts with the same `stem` have their first `common` tokens in common, and differ from there on by `tail`. */
export function aPrompt(length: number, { stem = 0, common = length, tail = 0 } = {}): Int32Array {
  return Int32Array.from({ length }, (_, at) => 1 + ((at * 7 + (at < common ? stem : stem + tail + 1) * 3) % 97));
}

export function aTenant(name: string, weight = 1): NewSequence["tenant"] {
  return { name, weight };
}

export interface Machine {
  readonly plan?: Partial<ExecutionPlan>;
  readonly scheduling?: Partial<Scheduling>;
  readonly capabilities?: Partial<Capabilities>;
}

export function aState(machine: Machine = {}): SchedulerState {
  return newState(factsOf(machine), { ...defaultScheduling, ...machine.scheduling });
}

/** A state, and the engine that it is about. */
export function aMachine(machine: Machine = {}): { state: SchedulerState; engine: ToyEngine } {
  const { plan, info } = factsOf(machine);
  return { state: aState(machine), engine: new ToyEngine({ slots: plan.slots, capabilities: info.capabilities }) };
}

/** A sequence that runs in the lowest free slot and has computed all its tokens but the last: a decode. */
export function aDecode(state: SchedulerState, over: Parameters<typeof aSequence>[0] = {}): Sequence {
  const sequence = aSequence(over);
  const { slots, cache, running } = state;
  let slot = 0;
  while (slots.at(slot) !== undefined) slot++;
  running.push(Object.assign(sequence, { slot, computed: sequence.length - 1, cached: 0 }));
  const { tokens, length, sharedLength, tenant } = sequence;
  const place = { kind: "running", slot, sequence } as const;
  slots.put(slot, cache.add({ tenant: tenant.name, tokens, length, sharedLength, place }));
  return sequence;
}

function factsOf({ plan, capabilities }: Machine) {
  return {
    plan: { ...defaultPlan("toy", 1), slots: 4, ...plan },
    info: {
      library: "toy",
      cpuVariant: "none",
      description: "",
      contextPerSlot: 2048,
      trainedContext: 2048,
      capabilities: {
        trimInPlace: true,
        trimAfterRestore: true,
        window: 0,
        recurrent: false,
        ...capabilities,
      },
    },
  };
}

/** Makes moves until there is none; says which, and who waits for whom then. */
export function settle(state: SchedulerState, memory: SlotMemory, now = 0): { moves: Move[]; waits: readonly Wait[] } {
  const mover = new Mover(state, memory);
  const moves: Move[] = [];
  for (;;) {
    const { move, waits } = planMove(state, now);
    if (move === undefined) return { moves, waits };
    if (moves.push(move) > 100)
      throw new Error(`slots change hands in circles: ${moves.map(({ kind }) => kind).join()}`);
    mover.apply(move);
  }
}
