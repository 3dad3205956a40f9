import { expect } from "vitest";
import type { Batch, BatchItem, Engine } from "../../src/engine/engine.ts";

const sentences = [
  "The river runs slowly past the old mill, and the children count the boats.",
  "In winter the ice is thick enough for a horse and a small wagon.",
  "Nobody in the village could say who had built the bridge.",
  "She wrote down the numbers 3, 14 and 159, then closed the book.",
  "A letter arrived on Tuesday; it was from the captain's daughter.",
  "When the lamps were lit, the whole street smelled of bread.",
  "He asked for water, for paper, and for a quiet room upstairs.",
];

/** What the rules of the contract need around an engine: texts, feeding, comparing. */
export class EngineProbe {
  readonly engine: Engine;
  /** Largest difference of a logit that two batch shapes may make. */
  readonly tolerance: number;
  readonly #clean = new Map<string, Float32Array>();

  constructor(engine: Engine, tolerance: number) {
    this.engine = engine;
    this.tolerance = tolerance;
  }

  /** Long enough for a sliding window to have left tokens behind. */
  get longLength(): number {
    return Math.max(120, this.engine.info.capabilities.window + 64);
  }

  /** The first `length` tokens of one of several texts, which differ from their first word on. */
  tokens(length: number, variant = 0): Int32Array {
    let text = sentences[variant]!;
    for (let i = 1; ; i++) {
      text += ` ${sentences[(variant + i * (variant + 1)) % sentences.length]}`;
      if (text.length < 2 * length) continue;
      const ids = this.engine.vocabulary.tokenize(text, { parseSpecial: false, addSpecial: true });
      if (ids.length >= length) return ids.slice(0, length);
    }
  }

  /** The first `keep` tokens of `tokens`, then `more` tokens of another text. */
  diverging(tokens: Int32Array, keep: number, more = 16): Int32Array {
    return Int32Array.of(...tokens.subarray(0, keep), ...this.tokens(more + 8, 5).subarray(8));
  }

  /** Runs a batch that must succeed; the copied logits after each item's last token. */
  step(batch: Batch): Float32Array[] {
    const output = this.engine.step(batch);
    expect(output.status).toBe("done");
    return batch.map((item, i) => (item.outputs === "none" ? new Float32Array() : output.logits(i).slice()));
  }

  /** Makes the slot hold `tokens`, of which it holds a beginning, in steps of at most `chunk`; the logits at their end. */
  feed(slot: number, tokens: Int32Array, chunk = this.engine.plan.batch): Float32Array {
    let logits: Float32Array = new Float32Array();
    for (let from = this.engine.held(slot); from < tokens.length; from = this.engine.held(slot)) {
      const count = Math.min(chunk, tokens.length - from);
      const outputs = from + count === tokens.length ? "last" : "none";
      logits = this.step([{ slot, tokens, from, count, outputs }])[0]!;
      expect(this.engine.held(slot)).toBe(from + count);
    }
    return logits;
  }

  /** What `compute` gave for these tokens the first time: rules share the texts they compare with. */
  clean(tokens: Int32Array): Float32Array {
    const key = tokens.join(" ");
    const logits = this.#clean.get(key) ?? this.compute(tokens);
    this.#clean.set(key, logits);
    return logits;
  }

  /** The logits after `tokens`, computed from nothing and alone, in the last slot. */
  compute(tokens: Int32Array): Float32Array {
    const slot = this.engine.plan.slots - 1;
    this.clear(slot);
    const logits = this.feed(slot, tokens);
    this.clear(slot);
    return logits;
  }

  clear(slot: number): void {
    expect(this.engine.trim(slot, 0)).toBe(true);
    expect(this.engine.held(slot)).toBe(0);
  }

  clearAll(): void {
    for (let slot = 0; slot < this.engine.plan.slots; slot++) this.clear(slot);
  }

  expectSame(actual: Float32Array, expected: Float32Array): void {
    expect(largestDifference(actual, expected)).toBeLessThanOrEqual(this.tolerance);
  }
}

/** Infinity where a value is not finite: NaN must never count as equal. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length || a.length === 0) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}

export function anItem(slot: number, tokens: Int32Array, over: Partial<BatchItem> = {}): BatchItem {
  const from = over.from ?? 0;
  return { slot, tokens, from, count: tokens.length - from, outputs: "last", ...over };
}
