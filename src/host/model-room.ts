import { systemClock } from "../core/clock.ts";
import type { Claim } from "./model-claim.ts";
import { leastWorth } from "./model-worth.ts";

/** A model as far as memory is concerned. */
export interface Occupant {
  readonly id: string;
  /** Bytes that it holds or was promised; 0 = it is not in memory. */
  readonly bytes: number;
  /** It was asked to leave, or is leaving: its bytes will come free. */
  readonly leaving: boolean;
  /** It is loaded, and may be unloaded when another needs its room. */
  readonly movable: boolean;
  /** It stays whatever others need. */
  readonly pinned: boolean;
  /** Requests that it works on. */
  readonly running: number;
  /** Ms since its last request. */
  readonly idleMs: number;
  /** How long its last loading took, in ms. */
  readonly reloadMs: number;
  /** Takes no new requests, and is unloaded as soon as those that run are done. */
  makeWay(): void;
}

export interface Reservation {
  readonly claim: Claim;
  readonly signal: AbortSignal;
  /** Called when there is room for this claim; from then on the claimant's own `bytes` say what it takes. */
  readonly onGranted: (claim: Claim) => void;
}

/** How long busy models keep a loading one waiting before they take no new requests. */
const patienceMs = 5000;
/** What other programs take and give back is noticed after so long. */
const remeasureMs = 1000;

/**
 * The memory that all models share. One claim is looked at after the other, so that two never count on the same bytes.
 * Whoever is loading or has requests running is never unloaded.
 */
export class ModelRoom {
  readonly #occupants: () => readonly Occupant[];
  readonly #budget: () => number;
  #last: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};

  /** `budget` tells the bytes that all models may have together. */
  constructor(occupants: () => readonly Occupant[], budget: () => number) {
    this.#occupants = occupants;
    this.#budget = budget;
  }

  /** To be called when an occupant may have changed. */
  changed(): void {
    this.#wake();
  }

  /**
   * Resolves when the claim is granted; a smaller one where it can never be, if there is one that will do. Rejects with
   * `model_too_large`, or the signal's reason.
   */
  async reserve(reservation: Reservation): Promise<void> {
    const before = this.#last;
    const mine = before.then(() => this.#makeRoom(reservation));
    this.#last = mine.catch(() => {});
    await mine;
  }

  async #makeRoom({ claim: wanted, signal, onGranted }: Reservation): Promise<void> {
    let claim = wanted;
    const patientUntil = systemClock.now() + patienceMs;
    for (;;) {
      signal.throwIfAborted();
      const occupants = this.#occupants().filter((one) => one.bytes > 0);
      const budget = this.#budget();
      const pinned = occupants.filter((one) => one.pinned);
      if (claim.bytes > budget - sumOf(pinned)) claim = claim.within(budget - sumOf(pinned), pinned);
      const left = budget - sumOf(occupants);
      // A cache is not worth another model.
      const beside = claim.bytes === 0 || claim.bytes <= left ? claim : claim.withLessCache(left);
      if (beside !== undefined) return onGranted(beside);
      const missing = claim.bytes - (budget - sumOf(occupants.filter(({ leaving }) => !leaving)));
      const patient = systemClock.now() < patientUntil;
      for (const one of toLeave(occupants, missing, patient)) one.makeWay();
      await this.#change(signal);
    }
  }

  /** Resolves when an occupant has changed, the signal aborts, or it is time to measure again. */
  async #change(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, remeasureMs);
      signal.addEventListener("abort", wake);
      this.#wake = wake;
    });
  }
}

/** Those that nobody uses, if they are enough; busy ones too when patience is over. */
function toLeave(occupants: readonly Occupant[], missing: number, patient: boolean): readonly Occupant[] {
  if (missing <= 0) return [];
  const movable = occupants.filter((one) => one.movable && !one.leaving);
  const idle = movable.filter(({ running }) => running === 0);
  return leastWorth(idle, missing) ?? (patient ? [] : (leastWorth(movable, missing) ?? []));
}

function sumOf(occupants: readonly Occupant[]): number {
  return occupants.reduce((sum, { bytes }) => sum + bytes, 0);
}
