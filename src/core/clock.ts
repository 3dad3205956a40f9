/** Time as an argument, so that tests can move it. Milliseconds from an arbitrary start, never going back. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => performance.now() };
