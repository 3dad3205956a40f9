/** A well mixed unsigned 32-bit value of another (the finalizer of MurmurHash3, which is in the public domain). */
export function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The hash of a sequence with one more token. */
export function extend(hash: number, token: number): number {
  return mix(Math.imul(hash, 0x9e3779b1) + token + 1);
}

/** A number 0 .. outcomes - 1, a different one for each `question` asked about the same hash. */
export function chance(hash: number, question: number, outcomes: number): number {
  return mix(hash ^ Math.imul(question, 0x85ebca77)) % outcomes;
}
