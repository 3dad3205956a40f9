import type { Sampling } from "../core/generation.ts";
import type { TokenHistory } from "../scheduler/sequence.ts";

export type Penalties = Pick<Sampling, "repeatPenalty" | "frequencyPenalty" | "presencePenalty">;

let occurrences = new Int32Array(0);
let seen = new Int32Array(0);
let originals = new Float32Array(0);

export function hasPenalties({ repeatPenalty, frequencyPenalty, presencePenalty }: Penalties): boolean {
  return repeatPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0;
}

/**
 * Calls `choose` while the logits of tokens that were seen are lowered, and puts them back: the row is engine memory and
 * only a few of its entries change. First the repeat penalty (Keskar et al. 2019, CTRL; negative logits are multiplied,
 * as llama.cpp does), over prompt and answer; then OpenAI's frequency and presence penalties, over the answer.
 */
export function withPenalties<T>(
  logits: Float32Array,
  { history, penalties }: { history: TokenHistory; penalties: Penalties },
  choose: () => T,
): T {
  reserve(logits.length);
  const count = countSeen(history);
  for (let i = 0; i < count; i += 1) {
    const token = seen[i]!;
    const logit = logits[token]!;
    const inAnswer = occurrences[token]! - 1;
    occurrences[token] = 0;
    originals[i] = logit;
    const repeated = logit <= 0 ? logit * penalties.repeatPenalty : logit / penalties.repeatPenalty;
    logits[token] = repeated - inAnswer * penalties.frequencyPenalty - (inAnswer > 0 ? penalties.presencePenalty : 0);
  }
  try {
    return choose();
  } finally {
    for (let i = 0; i < count; i += 1) logits[seen[i]!] = originals[i]!;
  }
}

/** Lists the different tokens in `seen`; `occurrences` of each becomes 1 + its number in the answer. */
function countSeen({ tokens, length, promptLength }: TokenHistory): number {
  let count = 0;
  for (let i = 0; i < length; i += 1) {
    const token = tokens[i]!;
    if (occurrences[token] === 0) {
      occurrences[token] = 1;
      seen[count++] = token;
    }
    if (i >= promptLength) occurrences[token]! += 1;
  }
  return count;
}

function reserve(vocabulary: number): void {
  if (occurrences.length >= vocabulary) return;
  occurrences = new Int32Array(vocabulary);
  seen = new Int32Array(vocabulary);
  originals = new Float32Array(vocabulary);
}
