import type { Engine, SavedSequence } from "../engine/engine.ts";
import type { Move } from "./plan-move.ts";
import { usedTurns } from "./policies/turns.ts";
import { leastKept, type Prefix, type Reuse } from "./prefix-cache.ts";
import type { Sequence } from "./sequence.ts";
import { prefillOf } from "./step-cost.ts";
import { dequeue, enqueue, rest, type SchedulerState } from "./state.ts";

export type SlotMemory = Pick<Engine, "held" | "trim" | "copy" | "save" | "restore">;

/** Makes moves: what happens to slots and parking memory, in the engine and in the state alike. */
export class Mover {
  readonly #state: SchedulerState;
  readonly #memory: SlotMemory;
  #scratch: SavedSequence | undefined;

  constructor(state: SchedulerState, memory: SlotMemory) {
    this.#state = state;
    this.#memory = memory;
  }

  apply(move: Move): void {
    switch (move.kind) {
      case "start":
        return this.#start(move.sequence, move.slot, move.reuse);
      case "preempt":
        return this.#preempt(move.sequence, move.by);
      case "shift":
        return this.#shift(move.sequence, move.slot);
      case "snapshot":
        return this.#snapshot(move.sequence);
      case "back-up":
        return this.#backUp(move.prefix);
    }
  }

  #start(sequence: Sequence, slot: number, reuse: Reuse): void {
    const { cache, running } = this.#state;
    cache.started(reuse.source);
    cache.pinned = reuse.source;
    const reused = this.#fill(slot, reuse);
    cache.pinned = undefined;
    dequeue(this.#state, sequence);
    running.push(sequence);
    sequence.slot = slot;
    sequence.computed = reused;
    sequence.cached ??= Math.min(reused, sequence.promptLength);
    sequence.turnStart = sequence.length;
    if (reused >= sequence.lost) sequence.lost = 0;
    this.#hold(sequence, slot, reuse.source);
  }

  /** Makes the slot hold what is reused, and nothing more; says how much that is. */
  #fill(slot: number, { source, length }: Reuse): number {
    const before = this.#state.slots.at(slot);
    const inPlace = before !== undefined && before === source;
    if (before !== undefined) this.#vacate(before, slot, inPlace ? length : 0);
    // Vacating parks: then the source is where it was, or in the slot itself and parked as well.
    const filled = inPlace ? this.#memory.trim(slot, length) : this.#take(source, slot, length);
    if (!filled) this.#memory.trim(slot, 0);
    return this.#memory.held(slot);
  }

  #take(source: Prefix | undefined, slot: number, length: number): boolean {
    if (source === undefined) return this.#memory.trim(slot, 0);
    const { place } = source;
    if (place.kind === "parked") {
      this.#memory.restore(slot, place.saved);
      return this.#memory.trim(slot, length);
    }
    const copied = this.#memory.copy(place.slot, slot, length);
    // What goes on elsewhere need not rest here as well.
    if (copied && place.kind === "resting" && source.length - length < leastKept) this.#forget(source, place.slot);
    return copied;
  }

  /** Parks what rests in a slot, if it is worth it beyond its first `used` tokens, and takes it out of the slot. */
  #vacate(prefix: Prefix, slot: number, used: number): void {
    const { cache, slots } = this.#state;
    slots.clear(slot);
    const unique = Math.min(cache.uniqueTokens(prefix), prefix.length - used);
    const continuesIt = used > 0 && prefix.length - used < leastKept;
    if (unique < leastKept || continuesIt || !this.#park(prefix, slot, unique)) cache.remove(prefix);
  }

  #park(prefix: Prefix, slot: number, unique: number): boolean {
    const { cache } = this.#state;
    const bytes = cache.parking.bytesFor(prefix.length) ?? 0;
    if (!cache.makeRoom(prefix, bytes, this.#computingMs(prefix.length, unique))) return false;
    return cache.park(prefix, this.#memory.save(slot, cache.parking.take(bytes)));
  }

  #computingMs(length: number, tokens: number): number {
    return this.#state.cost.predict(prefillOf(length - tokens, tokens));
  }

  #preempt(sequence: Sequence, by: Sequence): void {
    const { running, scheduling, cache } = this.#state;
    const slot = sequence.slot!;
    running.splice(running.indexOf(sequence), 1);
    sequence.turns += usedTurns(sequence, scheduling.turnTokens);
    sequence.lost = sequence.computed;
    const left = rest(this.#state, sequence);
    if (left !== undefined) cache.expect(left);
    enqueue(this.#state, sequence);
    this.#start(by, slot, cache.find(by, [slot]));
  }

  #shift(sequence: Sequence, slot: number): void {
    const { slots } = this.#state;
    const before = slots.at(slot);
    const source = sequence.slot!;
    if (before !== undefined) this.#scratch = this.#memory.save(slot, this.#scratch);
    if (!this.#memory.copy(source, slot, sequence.computed)) throw new Error(`slot ${source} cannot be moved`);
    this.#memory.trim(source, 0);
    this.#state.gapSteps = 0;
    const moved = slots.at(source)!;
    slots.clear(source);
    if (before !== undefined) {
      slots.clear(slot);
      this.#memory.restore(source, this.#scratch!);
      before.place = { kind: "resting", slot: source };
      slots.put(source, before);
    }
    sequence.slot = slot;
    moved.place = { kind: "running", slot, sequence };
    slots.put(slot, moved);
  }

  #snapshot(sequence: Sequence): void {
    const { cache } = this.#state;
    const { computed: length } = sequence;
    const slot = sequence.slot!;
    const prefix = cache.addOf(sequence, length, { kind: "resting", slot }); // until it is parked, in this same turn
    if (!this.#park(prefix, slot, length)) cache.remove(prefix);
    // Once only: two whose snapshots give up each other would else make them for ever.
    sequence.boundaries = sequence.boundaries.filter((boundary) => boundary !== length);
  }

  #backUp(prefix: Prefix): void {
    const { cache } = this.#state;
    const { tenant, tokens, length, sharedLength, place } = prefix;
    if (place.kind !== "resting") throw new Error(`what is ${place.kind} cannot be backed up`);
    prefix.backedUp = true;
    const unique = cache.uniqueTokens(prefix);
    const copy = cache.add({ tenant, tokens, length, sharedLength, place });
    copy.use = prefix.use;
    if (!this.#park(copy, place.slot, unique)) cache.remove(copy);
  }

  #hold(sequence: Sequence, slot: number, source: Prefix | undefined): void {
    const { cache, slots } = this.#state;
    const prefix = cache.addOf(sequence, sequence.length, { kind: "running", slot, sequence });
    if (source !== undefined) prefix.use = source.use;
    slots.put(slot, prefix);
  }

  #forget(prefix: Prefix, slot: number): void {
    this.#memory.trim(slot, 0);
    this.#state.slots.clear(slot);
    this.#state.cache.remove(prefix);
  }
}
