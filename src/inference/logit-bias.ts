import type { TokenBias } from "../core/generation.ts";

/** Calls `choose` while the biases are added to the logits, and puts the logits back: the row is engine memory. */
export function withBias<T>(logits: Float32Array, biases: readonly TokenBias[], choose: () => T): T {
  const originals = biases.map(({ token }) => logits[token]!);
  for (const { token, bias } of biases) logits[token]! += bias;
  try {
    return choose();
  } finally {
    biases.forEach(({ token }, index) => (logits[token] = originals[index]!));
  }
}
