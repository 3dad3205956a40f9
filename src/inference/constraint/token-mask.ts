import type { Automaton, State } from "./automaton.ts";
import type { TokenTrie } from "./token-trie.ts";

/** Which tokens may come next. */
export interface TokenMask {
  /** A bit for each token. */
  readonly bits: Int32Array;
  readonly allowed: number;
}

/** The tokens whose bytes lead from a state to another, and those that end an answer where it may end. */
export function maskAt(state: State, { automaton, trie, size }: MaskedVocabulary): TokenMask {
  const { bytes, depths, ends, firsts, tokens } = trie;
  const bits = new Int32Array(Math.ceil(size / 32));
  let allowed = 0;
  const allow = (token: number): void => {
    bits[token >> 5]! |= 1 << (token & 31);
    allowed++;
  };
  const path: State[] = [state];
  for (let node = 0; node < bytes.length;) {
    const depth = depths[node]!;
    const next = automaton.after(path[depth]!, bytes[node]!);
    if (next === null) {
      node = ends[node]!;
      continue;
    }
    path[depth + 1] = next;
    for (let at = firsts[node]!; at < firsts[node + 1]!; at++) allow(tokens[at]!);
    node++;
  }
  if (state.accepts) trie.ending.forEach(allow);
  return { bits, allowed };
}

interface MaskedVocabulary {
  readonly automaton: Automaton;
  readonly trie: TokenTrie;
  /** Tokens of the vocabulary. */
  readonly size: number;
}

let scratch = new Float32Array(0);

/** The logits with all tokens at -Infinity that the mask does not allow: a copy, which is valid until the next call. */
export function maskedLogits(logits: Float32Array, { bits, allowed }: TokenMask): Float32Array {
  if (scratch.length !== logits.length) scratch = new Float32Array(logits.length);
  const sparse = allowed < logits.length / 2;
  if (sparse) scratch.fill(-Infinity);
  else scratch.set(logits);
  for (let word = 0; word < bits.length; word++) {
    let rest = sparse ? bits[word]! : ~bits[word]!;
    while (rest !== 0) {
      const bit = 31 - Math.clz32(rest);
      rest ^= 1 << bit;
      const token = word * 32 + bit;
      if (token < scratch.length) scratch[token] = sparse ? logits[token]! : -Infinity;
    }
  }
  return scratch;
}
