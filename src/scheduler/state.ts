import type { Scheduling } from "../core/scheduling.ts";
import type { Engine } from "../engine/engine.ts";
import { LaneAges } from "./lane-ages.ts";
import { policies } from "./policies/policies.ts";
import type { Policy, PolicyView } from "./policies/policy.ts";
import { PrefixCache, type Prefix } from "./prefix-cache.ts";
import type { Sequence } from "./sequence.ts";
import { Shares } from "./shares.ts";
import { Slots } from "./slots.ts";
import { StepCost } from "./step-cost.ts";
import { Forecast } from "./forecast.ts";

/** All that planning knows and applying may change. */
export interface SchedulerState {
  scheduling: Scheduling;
  policy: Policy;
  /** Without a slot, in order of arrival; those that gave theirs up are at the end. */
  readonly waiting: Sequence[];
  /** With a slot, in order of their start. */
  readonly running: Sequence[];
  readonly slots: Slots;
  /** Rows of logits that a step can give, at least one for each slot. */
  readonly outputs: number;
  readonly cache: PrefixCache;
  readonly cost: StepCost;
  readonly shares: Shares;
  readonly laneAges: LaneAges;
  /** Steps in a row in which an idle slot lay between running ones. */
  gapSteps: number;
  /** Tokens that answers have had, on average of the last ones. */
  answerTokens: number;
}

type EngineFacts = Pick<Engine, "plan" | "info">;

export function newState({ plan, info }: EngineFacts, scheduling: Scheduling): SchedulerState {
  return {
    scheduling,
    policy: policies[scheduling.policy],
    waiting: [],
    running: [],
    slots: new Slots(plan.slots),
    outputs: Math.max(plan.outputs, plan.slots),
    cache: new PrefixCache({
      capabilities: info.capabilities,
      budget: scheduling.cacheMemory,
      enabled: plan.kvReuse,
    }),
    cost: new StepCost(),
    shares: new Shares(),
    laneAges: new LaneAges(scheduling.ageingMs),
    gapSteps: 0,
    answerTokens: 128,
  };
}

/** What policies look at. */
export function viewOf(state: SchedulerState, now: number): PolicyView {
  const { shares, laneAges } = state;
  const forecast = new Forecast(state);
  const held = new Map<string, number>();
  for (const { tenant } of state.running) held.set(tenant.name, (held.get(tenant.name) ?? 0) + 1);
  return {
    now,
    shares,
    laneAges,
    slotsOf: (tenant) => held.get(tenant) ?? 0,
    promptMs: (sequence) => forecast.promptMs(sequence),
    remainingMs: (sequence) => forecast.remainingMs(sequence),
  };
}

/** Puts a sequence into the queue: a new one, or one that gave up its slot. */
export function enqueue({ waiting, shares }: SchedulerState, sequence: Sequence): void {
  if (!waiting.some(({ tenant }) => tenant.name === sequence.tenant.name)) shares.activate(sequence.tenant);
  waiting.push(sequence);
}

export function dequeue({ waiting, shares }: SchedulerState, sequence: Sequence): void {
  waiting.splice(waiting.indexOf(sequence), 1);
  if (!waiting.some(({ tenant }) => tenant.name === sequence.tenant.name)) shares.deactivate(sequence.tenant);
}

/** Tokens of what waits: work that is promised and not begun. */
export function waitingTokens({ waiting }: SchedulerState): number {
  return waiting.reduce((sum, { length }) => sum + length, 0);
}

/** Takes a sequence out, wherever it is. What it has computed stays in its slot for others. One that is not there is left alone. */
export function removeSequence(state: SchedulerState, sequence: Sequence): void {
  const { waiting, running } = state;
  if (waiting.includes(sequence)) dequeue(state, sequence);
  if (!running.includes(sequence)) return;
  running.splice(running.indexOf(sequence), 1);
  rest(state, sequence);
}

/** Turns what a running sequence has computed into a resting prefix; returns that, if there is anything to keep. */
export function rest(state: SchedulerState, sequence: Sequence): Prefix | undefined {
  const { slots, cache } = state;
  const slot = sequence.slot!;
  const { tenant, tokens, sharedLength, use } = slots.at(slot)!;
  cache.remove(slots.at(slot)!);
  slots.clear(slot);
  const length = sequence.computed;
  sequence.slot = undefined;
  sequence.computed = 0;
  if (!cache.enabled || length === 0) return undefined;
  const prefix = cache.add({ tenant, tokens, length, sharedLength, place: { kind: "resting", slot } });
  prefix.use = use;
  slots.put(slot, prefix);
  return prefix;
}

/** Throws when a slot or parking memory leaked or is held twice: run after every step in tests, and whenever the loop is idle. */
export function checkConservation({ running, waiting, slots, cache }: SchedulerState): void {
  const astray = running.filter(({ slot }, index) => {
    const place = slot === undefined ? undefined : slots.at(slot)?.place;
    return place?.kind !== "running" || place.sequence !== running[index];
  });
  const { parkedBytes, pooledBytes, budget } = cache.parking;
  const booked = [...cache.parked].reduce(
    (sum, { place }) => sum + (place.kind === "parked" ? place.saved.bytes.buffer.byteLength : NaN),
    0,
  );
  const lost = slots.free + slots.resting + slots.running !== slots.total || slots.running !== running.length;
  const overfull = parkedBytes + pooledBytes > budget || booked !== parkedBytes;
  if (!lost && !overfull && astray.length === 0 && waiting.every(({ slot }) => slot === undefined)) return;
  throw new Error(
    `slots are out of balance: ${slots.free} free + ${slots.resting} resting + ${slots.running} running of ` +
      `${slots.total}, ${running.length} sequences run and ${astray.length} of them astray, ${parkedBytes} bytes parked ` +
      `(${booked} booked) + ${pooledBytes} pooled of ${budget}`,
  );
}
