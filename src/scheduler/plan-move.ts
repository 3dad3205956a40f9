import type { PolicyView } from "./policies/policy.ts";
import { leastKept, type Prefix, type Reuse } from "./prefix-cache.ts";
import { pending, type Sequence } from "./sequence.ts";
import { viewOf, type SchedulerState } from "./state.ts";

/** A change of who holds which slot. Moves are made one after the other, before a step. */
export type Move =
  /** The waiting sequence gets the slot, with what can be reused; what rests there is parked or given up. */
  | { readonly kind: "start"; readonly sequence: Sequence; readonly slot: number; readonly reuse: Reuse }
  /** The running sequence waits again, and the waiting one `by` which it yields gets its slot. */
  | { readonly kind: "preempt"; readonly sequence: Sequence; readonly by: Sequence }
  /** The running sequence goes on in a lower slot, and what rests there in its own. */
  | { readonly kind: "shift"; readonly sequence: Sequence; readonly slot: number }
  /** What the sequence has computed, up to a message's end, is saved: this memory cannot be cut there later. */
  | { readonly kind: "snapshot"; readonly sequence: Sequence }
  /** What rests in a slot is saved as well, for whoever gets the slot need not wait for that then. */
  | { readonly kind: "back-up"; readonly prefix: Prefix };

/** A waiting sequence lets a running one compute `length` tokens that both have. */
export interface Wait {
  readonly sequence: Sequence;
  readonly on: Sequence;
  readonly length: number;
}

export interface NextMove {
  readonly move: Move | undefined;
  /** Complete when there is no move. */
  readonly waits: readonly Wait[];
}

/** Tokens of a common prefix for which it pays to wait, and behind which a snapshot is worth its copy. */
const leastShare = 32;
/** Those waiting for one prefix that are passed over in search of somebody else. */
const mostWaits = 64;
/** A gap that is soon filled again costs less than a move; a sequence that is about to end as well. */
const gapPatience = 4;
const leastLeft = 16;

/** The next thing to do before a step can be planned; no move = nothing. Changes nothing. */
export function planMove(state: SchedulerState, now: number): NextMove {
  const snapshot = state.running.find((sequence) => wantsSnapshot(state, sequence));
  if (snapshot !== undefined) return { move: { kind: "snapshot", sequence: snapshot }, waits: [] };
  const view = viewOf(state, now);
  const idle = state.slots.idle();
  const waits: Wait[] = [];
  for (const sequence of candidates(state, view, idle.length > 0)) {
    const holder = idle.length === 0 ? loserTo(sequence, state, view) : undefined;
    if (idle.length === 0 && holder === undefined) break;
    const reuse = state.cache.find(sequence, idle);
    const wait = waitFor(sequence, reuse, view);
    if (wait === undefined) {
      if (holder !== undefined) return { move: { kind: "preempt", sequence: holder, by: sequence }, waits };
      return { move: { kind: "start", sequence, slot: slotFor(reuse, idle, state), reuse }, waits };
    }
    if (waits.push(wait) >= mostWaits) break;
  }
  return { move: planShift(state), waits };
}

/** What to use the time for in which there is nothing to compute. Changes nothing. */
export function planIdleMove({ slots, cache }: SchedulerState): Move | undefined {
  if (!cache.enabled || cache.parking.budget === 0) return undefined;
  for (let slot = 0; slot < slots.total; slot++) {
    const prefix = slots.at(slot);
    if (prefix?.place.kind !== "resting" || prefix.backedUp) continue;
    if (cache.uniqueTokens(prefix) >= leastKept) return { kind: "back-up", prefix };
  }
  return undefined;
}

/**
 * Those that wait, the first by policy first. A prompt behind another that is being computed would only sit in its slot:
 * it comes after all that can go on at once, and only into a slot that is idle.
 */
function* candidates(state: SchedulerState, view: PolicyView, isIdle: boolean): Generator<Sequence> {
  const { policy, running } = state;
  const ready = state.waiting.filter(({ credit }) => credit > 0);
  if (ready.length === 0) return;
  const computing = firstOf(
    running.filter((sequence) => pending(sequence) > 1 && sequence.credit > 0),
    (a, b) => policy.compare(a, b, view),
  );
  const canGoOn = (sequence: Sequence): boolean =>
    computing === undefined || sequence.length > sequence.promptLength || policy.compare(sequence, computing, view) < 0;
  yield* inOrder(ready.filter(canGoOn), state, view);
  if (isIdle)
    yield* inOrder(
      ready.filter((sequence) => !canGoOn(sequence)),
      state,
      view,
    );
}

/** All are sorted only when the first must be passed over. */
function* inOrder(sequences: readonly Sequence[], { policy }: SchedulerState, view: PolicyView): Generator<Sequence> {
  const compare = (a: Sequence, b: Sequence): number => policy.compare(a, b, view);
  const first = firstOf(sequences, compare);
  if (first === undefined) return;
  yield first;
  yield* sequences.filter((sequence) => sequence !== first).toSorted(compare);
}

function firstOf(sequences: readonly Sequence[], compare: (a: Sequence, b: Sequence) => number): Sequence | undefined {
  let first: Sequence | undefined;
  for (const sequence of sequences) if (first === undefined || compare(sequence, first) < 0) first = sequence;
  return first;
}

/**
 * The last by policy of those that have to yield to the challenger. A prompt that was lost once is not interrupted again:
 * without room to park it would else begin for ever, where lanes take turns by age.
 */
function loserTo(challenger: Sequence, state: SchedulerState, view: PolicyView): Sequence | undefined {
  const { running, policy, scheduling } = state;
  const terms = { ...view, turnTokens: scheduling.turnTokens };
  let last: Sequence | undefined;
  for (const holder of running) {
    const isProtected = holder.lost > 0 && holder.length === holder.turnStart;
    if (isProtected || !policy.preempts(challenger, holder, terms)) continue;
    if (last === undefined || policy.compare(holder, last, view) > 0) last = holder;
  }
  return last;
}

/**
 * Of the idle slots the one whose content is gone on with; else an empty one; else the one with the least to lose, which
 * would have to be parked before the prompt is computed.
 */
function slotFor({ source, length }: Reuse, idle: readonly number[], { slots, cache }: SchedulerState): number {
  const loss = (slot: number): number => {
    const prefix = slots.at(slot);
    if (prefix === undefined) return 1;
    if (prefix === source) return prefix.length - length < leastKept ? 0 : 2 + prefix.length - length;
    return 2 + cache.uniqueTokens(prefix) * (1 + prefix.use.count);
  };
  return idle.reduce((best, slot) => (loss(slot) < loss(best) ? slot : best));
}

/**
 * Waiting pays when another computes a good part of the prompt anyway, and is not held up itself. If it computes the whole,
 * what is left of that counts too: several answers to one prompt come together, and each would compute it.
 */
function waitFor(sequence: Sequence, { length, coming }: Reuse, { laneAges, now }: PolicyView): Wait | undefined {
  if (coming === undefined) return undefined;
  const isWhole = coming.length === sequence.length - 1;
  if (coming.length - length < leastShare && !isWhole) return undefined;
  const on = coming.sequence;
  const isHeldUp = on.credit <= 0 || laneAges.rank(on.lane, now) > laneAges.rank(sequence.lane, now);
  return isHeldUp ? undefined : { sequence, on, length: coming.length };
}

function wantsSnapshot({ cache }: SchedulerState, sequence: Sequence): boolean {
  const { computed, boundaries } = sequence;
  if (!cache.enabled || !cache.exactOnly || computed < leastShare || computed >= sequence.length) return false;
  return boundaries.includes(computed) && !cache.holds(sequence, computed);
}

/** The highest running sequence fills a gap that has stayed open: each gap costs a pass over the weights. */
function planShift({ running, gapSteps, slots }: SchedulerState): Move | undefined {
  const gap = slots.gap();
  if (gap === undefined || gapSteps < gapPatience) return undefined;
  let highest: Sequence | undefined;
  for (const sequence of running) if (highest === undefined || sequence.slot! > highest.slot!) highest = sequence;
  if (highest === undefined || highest.limit - highest.length < leastLeft) return undefined;
  return { kind: "shift", sequence: highest, slot: gap };
}
