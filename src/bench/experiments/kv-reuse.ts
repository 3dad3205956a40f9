import type { Engine } from "../../engine/engine.ts";
import type { Point } from "../plot.ts";
import { summarize } from "../statistics.ts";
import { fittedExponent } from "./power-law.ts";
import { breath, timedStep } from "./timed-step.ts";

/** Lengths at which the expensive curve is measured, evenly spread, besides the first token. */
const samples = 16;

export interface KvReuseOptions {
  /** Of the generated sequence, in tokens. */
  readonly length: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly onProgress: (what: string) => void;
}

/** One way of generating: x is the length of the sequence with the new token, y is in ms. */
export interface GenerationCost {
  /** Of the token that makes the sequence so long; the median of the rounds. */
  readonly perToken: readonly Point[];
  /** Of all tokens up to it. */
  readonly cumulative: readonly Point[];
  /** Of the two curves, over the same lengths: cost ≈ c · lengthᵏ. */
  readonly exponents: { readonly perToken: number | undefined; readonly cumulative: number | undefined };
}

export interface KvReuseFigures {
  readonly length: number;
  readonly reused: GenerationCost;
  /** Measured at some lengths; between them the cumulative cost takes the cost per token as linear. */
  readonly recomputed: GenerationCost;
  /** Lengths at which both ways chose the same next token: they compute the same thing. */
  readonly agreement: { readonly lengths: number; readonly same: number };
}

/**
 * What the KV cache saves: tokens generated one by one, with the keys and values of all earlier ones kept, and with the
 * whole sequence computed again for every token. Uses slot 0 of the engine, which must have room for `length` tokens.
 */
export async function kvReuse(engine: Engine, options: KvReuseOptions): Promise<KvReuseFigures> {
  const { length, rounds, signal, onProgress } = options;
  const lengths = sampledLengths(length);
  const tokens = new Int32Array(length + 1);
  tokens[0] = engine.vocabulary.bosToken ?? 1;
  const reused: number[][] = Array.from({ length }, () => []);
  const recomputed: number[][] = lengths.map(() => []);
  const chosen = new Set<number>();
  // Round 0 warms up, and generates the sequence that all others compute.
  for (let round = 0; round <= rounds; round++) {
    const which = round === 0 ? "warming up" : `round ${round} of ${rounds}`;
    onProgress(`KV reuse, ${which}: ${length} tokens with the cache`);
    engine.trim(0, 0);
    for (let at = 0; at < length; at++) {
      const { milliseconds, next } = timedStep(engine, { tokens, from: at, to: at + 1 });
      if (round === 0) tokens[at + 1] = next;
      else reused[at]!.push(milliseconds);
      await breath(signal);
    }
    if (round === 0) continue;
    onProgress(`KV reuse, ${which}: without, at ${lengths.length} lengths`);
    for (const [index, to] of lengths.entries()) {
      engine.trim(0, 0);
      const { milliseconds, next } = timedStep(engine, { tokens, from: 0, to });
      recomputed[index]!.push(milliseconds);
      if (next === tokens[to]) chosen.add(to);
      await breath(signal);
    }
  }
  return {
    length,
    reused: costOf(
      reused.map((times, at) => ({ x: at + 1, y: summarize(times).median })),
      lengths,
    ),
    recomputed: costOf(
      recomputed.map((times, index) => ({ x: lengths[index]!, y: summarize(times).median })),
      lengths,
    ),
    agreement: { lengths: lengths.length, same: chosen.size },
  };
}

function sampledLengths(length: number): number[] {
  const all = Array.from({ length: samples }, (_, i) => Math.round(((i + 1) * length) / samples));
  return [...new Set([1, ...all])].filter((n) => n > 0);
}

/**
 * `perToken` begins at the first token, ascends in x and may have gaps. Exponents are fitted at `lengths` but the first,
 * so that both ways weigh them alike: at one token there is nothing yet to reuse.
 */
export function costOf(perToken: readonly Point[], lengths: readonly number[]): GenerationCost {
  const cumulative: Point[] = [];
  let sum = 0;
  let before: Point = { x: 0, y: 0 };
  for (const point of perToken) {
    // The tokens after the last length up to this one lie on the line between the two costs.
    const count = point.x - before.x;
    sum += count * before.y + ((point.y - before.y) * (count + 1)) / 2;
    cumulative.push({ x: point.x, y: sum });
    before = point;
  }
  const at = (points: readonly Point[]) => fittedExponent(points.filter(({ x }) => x > 1 && lengths.includes(x)));
  return { perToken, cumulative, exponents: { perToken: at(perToken), cumulative: at(cumulative) } };
}
