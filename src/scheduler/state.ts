import type { Sequence } from "./sequence.ts";
import { Slots } from "./slots.ts";

/** All that `planStep` knows and `applyStep` may change. */
export interface SchedulerState {
  /** Without a slot, in order of arrival. */
  readonly waiting: Sequence[];
  /** With a slot, in order of their start. */
  readonly running: Sequence[];
  readonly slots: Slots;
}

export function newState(slots: number): SchedulerState {
  return { waiting: [], running: [], slots: new Slots(slots) };
}

/** Takes a sequence out, wherever it is, and frees its slot. A sequence that is not there is left alone. */
export function removeSequence(state: SchedulerState, sequence: Sequence): void {
  const from = sequence.slot === undefined ? state.waiting : state.running;
  const index = from.indexOf(sequence);
  if (index < 0) return;
  from.splice(index, 1);
  if (sequence.slot !== undefined) state.slots.release(sequence.slot);
}

/** Throws when a slot leaked or is held twice: run after every step in tests, and whenever the loop is idle. */
export function checkConservation(state: SchedulerState): void {
  const { running, waiting, slots } = state;
  const distinct = new Set(running.map((sequence) => sequence.slot));
  const lost = slots.held !== running.length || distinct.size !== running.length || distinct.has(undefined);
  if (lost || waiting.some((sequence) => sequence.slot !== undefined)) {
    throw new Error(
      `slots are out of balance: ${slots.free} free + ${slots.held} held of ${slots.total}, ` +
        `${running.length} running in ${distinct.size} slots`,
    );
  }
}
