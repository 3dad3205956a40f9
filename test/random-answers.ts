import type { Constraint } from "../src/core/constraint.ts";
import { openFakeVocabulary } from "../src/engine/fake/fake-engine.ts";
import { Automaton, type State } from "../src/inference/constraint/automaton.ts";
import { ConstrainedSampler } from "../src/inference/constraint/constrained-sampler.ts";
import { Grammar } from "../src/inference/constraint/grammar.ts";
import { compileConstraint } from "../src/inference/constraint/program.ts";
import { buildTokenTrie } from "../src/inference/constraint/token-trie.ts";
import { keyedUniform } from "../src/inference/keyed-random.ts";

export const vocabulary = openFakeVocabulary("");
export const trie = buildTokenTrie(vocabulary);
const noHistory = { tokens: new Int32Array(), length: 0, promptLength: 0 };

/** An answer may be this text. */
export function accepts(constraint: Constraint, text: string): boolean {
  const automaton = new Automaton(compileConstraint(constraint));
  let state: State | null = automaton.start;
  for (const byte of Buffer.from(text)) if ((state = automaton.after(state, byte)) === null) return false;
  return state.accepts;
}

/**
 * An answer of tokens that are drawn from those that a constraint allows, all alike; after `patience` tokens such that lead
 * to its end. Undefined if it has none after so many more.
 */
export function randomAnswer(constraint: Constraint, seed: number, patience: number): string | undefined {
  const grammar = new Grammar(constraint, vocabulary, trie);
  let length = 0;
  const draw = (logits: Float32Array): number => {
    const allowed = [...logits.keys()].filter((token) => logits[token]! > -Infinity);
    const uniform = keyedUniform(seed, 0, length);
    if (length <= patience) return allowed[Math.floor(uniform * allowed.length)] ?? 0;
    const quick = allowed.toSorted((a, b) => delay(a) - delay(b));
    return quick[uniform < 0.75 ? 0 : Math.floor((4 * uniform - 3) * Math.min(quick.length, ends.length))] ?? 0;
  };
  const sampler = new ConstrainedSampler(draw, grammar, vocabulary);
  const pieces: Uint8Array[] = [];
  const logits = new Float32Array(vocabulary.size);
  while (length++ < patience + 2000) {
    const token = sampler.sample(logits, noHistory);
    if (sampler.error !== undefined) throw sampler.error;
    if (vocabulary.endsGeneration(token)) return Buffer.concat(pieces).toString();
    pieces.push(vocabulary.piece(token), ...Array.from(sampler.forced(), (forced) => vocabulary.piece(forced)));
  }
  return undefined;
}

/** What ends things comes first, and then what may be needed before that. */
const ends = Array.from(
  '"}]@.0123456789nulatrefsbdZ-:,/\\',
  (text) => vocabulary.tokenize(text, { parseSpecial: false, addSpecial: false })[0]!,
);

function delay(token: number): number {
  if (vocabulary.endsGeneration(token)) return -1;
  const place = ends.indexOf(token);
  return place < 0 ? ends.length + vocabulary.piece(token).length : place;
}

/** By the definition: tokens whose bytes a text can go on with. */
export function allowedTokens(automaton: Automaton, state: State): number[] {
  return Array.from({ length: vocabulary.size }, (_, token) => token).filter((token) => {
    if (vocabulary.endsGeneration(token)) return state.accepts;
    const piece = vocabulary.piece(token);
    let at: State | null = state;
    for (const byte of piece) if (at !== null) at = automaton.after(at, byte);
    return piece.length > 0 && at !== null;
  });
}
