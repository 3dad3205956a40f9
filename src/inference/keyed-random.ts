/**
 * The random number of one draw: uniform in [0, 1) with 53 bits, a function of its key alone. Resumed, preempted and
 * re-batched requests therefore draw the same numbers, and there is no state to save. `seed` and `choice` are unsigned
 * 32 bits, `position` is the length of the sequence before the drawn token.
 *
 * Philox-2x32 with 10 rounds: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
 */
export function keyedUniform(seed: number, choice: number, position: number): number {
  let key = seed | 0;
  let left = position | 0;
  let right = choice | 0;
  for (let round = 0; round < 10; round += 1) {
    const mixed = multiplyHigh(left) ^ key ^ right;
    right = Math.imul(left, MULTIPLIER);
    left = mixed;
    key = (key + WEYL) | 0;
  }
  return ((left >>> 5) * 2 ** 26 + (right >>> 6)) * 2 ** -53;
}

const MULTIPLIER = 0xd256d193;
const WEYL = 0x9e3779b9;

/** The upper 32 bits of the 64-bit product with MULTIPLIER, by 16-bit halves: no partial sum exceeds 2^53. */
function multiplyHigh(value: number): number {
  const low = (value & 0xffff) * MULTIPLIER;
  const high = (value >>> 16) * MULTIPLIER;
  return Math.floor((high + Math.floor(low / 0x10000)) / 0x10000) | 0;
}
