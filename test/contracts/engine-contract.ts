import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { anItem, EngineProbe, largestDifference } from "./engine-probe.ts";
import { memoryRules } from "./memory-rules.ts";
import { vocabularyRules } from "./vocabulary-rules.ts";

function throws(attempt: () => unknown): boolean {
  try {
    attempt();
    return false;
  } catch {
    return true;
  }
}

const stepRules = {
  "different texts give logits that the suite can tell apart": (probe: EngineProbe) => {
    const difference = largestDifference(probe.clean(probe.tokens(40)), probe.clean(probe.tokens(40, 1)));
    expect(difference).toBeGreaterThan(4 * probe.tolerance);
    expect(difference).toBeLessThan(Infinity);
  },

  "a row of logits has one finite number per token of the vocabulary": (probe: EngineProbe) => {
    const logits = probe.feed(0, probe.tokens(10));
    expect(logits).toHaveLength(probe.engine.vocabulary.size);
    expect(logits.every((value) => Number.isFinite(value))).toBe(true);
  },

  "the same steps give exactly the same logits": (probe: EngineProbe) => {
    const tokens = probe.tokens(50);
    expect(largestDifference(probe.compute(tokens), probe.compute(tokens))).toBe(0);
  },

  "a prompt in chunks gives the logits of the prompt in one piece": (probe: EngineProbe) => {
    const tokens = probe.tokens(90);
    const whole = probe.clean(tokens);
    for (const chunk of [33, 64]) {
      probe.clear(0);
      probe.expectSame(probe.feed(0, tokens, chunk), whole);
    }
    probe.clear(0);
    const begun = probe.tokens(12);
    probe.expectSame(probe.feed(0, begun, 1), probe.clean(begun));
  },

  "a sequence beside others gives what it gives alone": (probe: EngineProbe) => {
    const texts = [0, 1, 2, 3].map((variant) => probe.tokens(70, variant));
    const steps: [slot: number, count: number][][] = [
      [
        [0, 40],
        [1, 7],
      ],
      [
        [1, 1],
        [0, 1],
        [2, 25],
      ],
      [
        [0, 1],
        [3, 30],
        [1, 1],
        [2, 1],
      ],
      [
        [3, 30],
        [0, 1],
      ],
      [
        [0, 1],
        [1, 1],
        [2, 1],
        [3, 1],
      ],
      [
        [2, 1],
        [3, 1],
      ],
    ];
    const seen: { slot: number; length: number; logits: Float32Array }[] = [];
    for (const step of steps) {
      const batch = step.map(([slot, count]) => anItem(slot, texts[slot]!, { from: probe.engine.held(slot), count }));
      const rows = probe.step(batch);
      batch.forEach((item, i) => seen.push({ slot: item.slot, length: item.from + item.count, logits: rows[i]! }));
    }
    probe.clearAll();
    for (const [slot, text] of texts.entries()) {
      probe.clear(0);
      for (const row of seen.filter((row) => row.slot === slot)) {
        probe.expectSame(row.logits, probe.feed(0, text.subarray(0, row.length)));
      }
    }
  },

  "outputs none, last and all give no row, one row, and a row per token": (probe: EngineProbe) => {
    const tokens = probe.tokens(12);
    const others = probe.tokens(9, 1);
    const output = probe.engine.step([
      anItem(0, tokens, { outputs: "all" }),
      anItem(1, others, { outputs: "none" }),
      anItem(2, others, { outputs: "last" }),
    ]);
    expect(output.status).toBe("done");
    const rows = [...tokens.keys()].map((at) => output.logits(0, at).slice());
    expect(largestDifference(output.logits(0), rows.at(-1)!)).toBe(0);
    expect(largestDifference(output.logits(2), output.logits(2, others.length - 1))).toBe(0);
    const last = output.logits(2).slice();
    expect(() => output.logits(1)).toThrow(Error);
    expect(() => output.logits(2, 0)).toThrow(Error);
    expect(() => output.logits(0, tokens.length)).toThrow(Error);
    expect(() => output.logits(3)).toThrow(Error);
    // A row stays what it is when others are read.
    expect(largestDifference(output.logits(0, 4), rows[4]!)).toBe(0);
    for (const at of [0, 4, 11]) probe.expectSame(rows[at]!, probe.clean(tokens.subarray(0, at + 1)));
    probe.expectSame(last, probe.clean(others));
  },

  "`at` counts from the item's first token, wherever the item begins": (probe: EngineProbe) => {
    const tokens = probe.tokens(24);
    probe.feed(0, tokens.subarray(0, 20));
    const output = probe.engine.step([anItem(0, tokens, { from: 20, outputs: "all" })]);
    const second = output.logits(0, 1).slice();
    probe.expectSame(second, probe.clean(tokens.subarray(0, 22)));
  },

  "an aborted step is told, `held` is true, and the engine works on": (probe: EngineProbe) => {
    const { engine } = probe;
    const tokens = probe.tokens(90);
    const others = probe.tokens(30, 1);
    probe.feed(0, tokens.subarray(0, 40));
    engine.abortFlag[0] = 1;
    const output = engine.step([anItem(0, tokens, { from: 40 }), anItem(1, others)]);
    engine.abortFlag[0] = 0;
    expect(output.status).toBe("aborted");
    expect(() => output.logits(0)).toThrow(Error);
    // A recurrent state cannot be taken back to where the step began.
    expect(engine.held(0)).toBeGreaterThanOrEqual(engine.info.capabilities.recurrent ? 0 : 40);
    expect(engine.held(0)).toBeLessThan(90);
    expect(engine.held(1)).toBeLessThan(30);
    probe.expectSame(probe.feed(0, tokens), probe.clean(tokens));
    probe.expectSame(probe.feed(1, others), probe.clean(others));
  },

  "a step past the slot's context finds no room and computes nothing": (probe: EngineProbe) => {
    const { engine } = probe;
    const limit = engine.info.contextPerSlot;
    const tokens = probe.tokens(limit + 1);
    probe.feed(0, tokens.subarray(0, limit - 2));
    expect(engine.step([anItem(0, tokens, { from: limit - 2 })]).status).toBe("no-room");
    expect(engine.held(0)).toBe(limit - 2);
    probe.feed(0, tokens.subarray(0, limit));
  },

  "a batch that does not fit the engine's state throws and changes nothing": (probe: EngineProbe) => {
    const { engine } = probe;
    const tokens = probe.tokens(40);
    const other = probe.tokens(20, 1);
    probe.feed(0, tokens.subarray(0, 20));
    const wrong = {
      "begins too early": [anItem(0, tokens, { from: 19 })],
      "leaves a gap": [anItem(0, tokens, { from: 21 })],
      "computes nothing": [anItem(0, tokens, { from: 20, count: 0 })],
      "reads past its tokens": [anItem(0, tokens, { from: 20, count: 21 })],
      "names a slot that is not there": [anItem(engine.plan.slots, other)],
      "names a slot twice": [anItem(1, other, { count: 10 }), anItem(1, other, { from: 10 })],
      "has a token outside the vocabulary": [anItem(1, Int32Array.of(engine.vocabulary.size))],
      "spoils a good item with a bad one": [anItem(1, other), anItem(0, tokens, { from: 19 })],
    };
    for (const [what, batch] of Object.entries(wrong)) {
      expect([what, throws(() => engine.step(batch)), engine.held(0), engine.held(1)]).toEqual([what, true, 20, 0]);
    }
    probe.expectSame(probe.feed(0, tokens), probe.clean(tokens));
  },

  "any number of threads computes the same": (probe: EngineProbe) => {
    const tokens = probe.tokens(40);
    const expected = probe.compute(tokens);
    for (let threads = 1; threads <= probe.engine.plan.threads; threads++) {
      probe.engine.setThreads(threads);
      probe.expectSame(probe.compute(tokens), expected);
    }
  },
};

const lastRules = {
  "closing twice is harmless, and a closed engine refuses to step": ({ engine }: EngineProbe) => {
    engine[Symbol.dispose]();
    engine[Symbol.dispose]();
    expect(() => engine.step([anItem(0, Int32Array.of(1))])).toThrow(Error);
  },
};

const rules = { ...stepRules, ...memoryRules, ...vocabularyRules, ...lastRules };

export interface EngineContractOptions {
  /**
   * Largest difference of a logit that two batch shapes of the same tokens may make: 0 for an exact engine, else a bound
   * above the noise measured for this model and far below what a wrong memory does.
   */
  readonly tolerance: number;
  /** Rules this engine is excused from, with the reason. */
  readonly skips?: Partial<Record<keyof typeof rules, string>>;
}

/**
 * Everything an Engine promises, run against one that `open` makes. It is opened once. Its plan must have at least 4
 * slots, a batch of 128, 16 outputs, and a context per slot of 256 and of the model's window + 128.
 */
export function engineContract(
  name: string,
  open: () => Engine | Promise<Engine>,
  { tolerance, skips = {} }: EngineContractOptions,
): void {
  describe(name, () => {
    let probe: EngineProbe;
    beforeAll(async () => {
      probe = new EngineProbe(await open(), tolerance);
    });
    beforeEach(() => {
      probe.clearAll();
      probe.engine.setThreads(probe.engine.plan.threads);
    });
    afterAll(() => probe?.engine[Symbol.dispose]());

    for (const [rule, holds] of Object.entries(rules)) {
      const reason = skips[rule as keyof typeof rules];
      test.skipIf(reason !== undefined)(reason === undefined ? rule : `${rule} (${reason})`, () => holds(probe));
    }
  });
}
