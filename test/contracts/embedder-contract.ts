import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { errorTable, MillraceError } from "../../src/core/errors.ts";
import type { Embedder } from "../../src/engine/embedder.ts";
import { openVocabulary } from "../../src/engine/open.ts";
import { cosine } from "./cosine.ts";

const texts = [
  "The river runs slowly past the old mill.",
  "In winter the ice is thick enough for a horse and a small wagon.",
  "Nobody in the village could say who had built the bridge.",
];

const tokensOf = ({ vocabulary }: Embedder, text: string): Int32Array =>
  vocabulary.tokenize(text, { parseSpecial: false, addSpecial: true });

const ofLength = (embedder: Embedder, length: number): Int32Array =>
  tokensOf(embedder, texts.join(" ").repeat(length)).slice(0, length);

function vectorsOf(embedder: Embedder, batch: readonly Int32Array[]): readonly Float32Array[] {
  const vectors = embedder.embed(batch);
  expect(vectors).toHaveLength(batch.length);
  return vectors!;
}

function thrownBy(attempt: () => unknown): unknown {
  try {
    attempt();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

const rules = {
  "a vector has as many finite numbers as was told, and length 1": (embedder: Embedder) => {
    for (const vector of vectorsOf(
      embedder,
      texts.map((text) => tokensOf(embedder, text)),
    )) {
      expect(vector).toHaveLength(embedder.info.dimensions);
      expect(cosine(vector, vector)).toBeCloseTo(1, 6);
    }
  },

  "the same call gives exactly the same vectors, in memory of their own": (embedder: Embedder) => {
    const batch = texts.map((text) => tokensOf(embedder, text));
    const first = vectorsOf(embedder, batch);
    const kept = first.map((vector) => vector.slice());
    expect(vectorsOf(embedder, batch)).toEqual(kept);
    vectorsOf(embedder, batch.toReversed());
    expect(first).toEqual(kept);
  },

  "a text beside others gives what it gives alone": (embedder: Embedder, same: number) => {
    const batch = [...texts.map((text) => tokensOf(embedder, text)), ofLength(embedder, 100)];
    const together = vectorsOf(embedder, batch);
    for (const [i, text] of batch.entries()) {
      expect(cosine(vectorsOf(embedder, [text])[0]!, together[i]!)).toBeGreaterThan(same);
    }
    const others = vectorsOf(embedder, batch.toReversed()).toReversed();
    for (const [i, vector] of others.entries()) expect(cosine(vector, together[i]!)).toBeGreaterThan(same);
  },

  "different texts have different vectors, and so have the same words in another order": (embedder: Embedder) => {
    const batch = ["dog bites man", "man bites dog", ...texts].map((text) => tokensOf(embedder, text));
    const vectors = vectorsOf(embedder, batch);
    for (const [i, vector] of vectors.entries()) {
      for (const other of vectors.slice(i + 1)) expect(cosine(vector, other)).toBeLessThan(0.99);
    }
  },

  "a text as long as the context has a vector; one token more is the request's error": (embedder: Embedder) => {
    const { contextPerSlot } = embedder.info;
    const text = ofLength(embedder, contextPerSlot + 1);
    vectorsOf(embedder, [text.subarray(0, contextPerSlot)]);
    const thrown = thrownBy(() => embedder.embed([text.subarray(0, 5), text]));
    expect(thrown).toBeInstanceOf(MillraceError);
    expect(thrown).toMatchObject({ code: "context_length_exceeded" });
    expect(errorTable.context_length_exceeded.status).toBe(400);
    expect(String(thrown)).toContain(`${contextPerSlot + 1} tokens`);
  },

  "nothing has no vectors": (embedder: Embedder) => {
    expect(embedder.embed([])).toEqual([]);
  },

  "as many texts, and as many tokens, as the plan allows go into one call": (embedder: Embedder, same: number) => {
    const { slots, microBatch } = embedder.plan;
    const short = tokensOf(embedder, "short");
    expect(
      vectorsOf(
        embedder,
        Array.from({ length: slots }, () => short),
      ),
    ).toHaveLength(slots);
    const quarter = ofLength(embedder, microBatch / 4);
    const whole = vectorsOf(embedder, [quarter, quarter, quarter, quarter]);
    expect(cosine(whole[3]!, vectorsOf(embedder, [quarter])[0]!)).toBeGreaterThan(same);
  },

  "what cannot be computed is refused, and disturbs nothing": (embedder: Embedder) => {
    const { slots, microBatch } = embedder.plan;
    const text = tokensOf(embedder, texts[0]!);
    const before = vectorsOf(embedder, [text]);
    const quarter = ofLength(embedder, microBatch / 4);
    const wrong: Record<string, Int32Array[]> = {
      "too many texts": Array.from({ length: slots + 1 }, () => text),
      "too many tokens": [quarter, quarter, quarter, quarter, text],
      "an empty text": [text, new Int32Array(0)],
      "a token outside the vocabulary": [text, Int32Array.of(embedder.vocabulary.size)],
      "a negative token": [Int32Array.of(-1)],
    };
    for (const [what, batch] of Object.entries(wrong)) {
      expect([what, thrownBy(() => embedder.embed(batch)) instanceof Error]).toEqual([what, true]);
    }
    expect(vectorsOf(embedder, [text])).toEqual(before);
  },

  "an aborted call gives nothing, and the next one is right": (embedder: Embedder) => {
    const batch = texts.map((text) => tokensOf(embedder, text));
    const before = vectorsOf(embedder, batch);
    embedder.abortFlag[0] = 1;
    expect(embedder.embed(batch)).toBeUndefined();
    embedder.abortFlag[0] = 0;
    expect(vectorsOf(embedder, batch)).toEqual(before);
  },

  "any number of threads computes the same": (embedder: Embedder, same: number) => {
    const text = ofLength(embedder, 60);
    const [expected] = vectorsOf(embedder, [text]);
    for (let threads = 1; threads <= embedder.plan.threads; threads++) {
      embedder.setThreads(threads);
      expect(cosine(vectorsOf(embedder, [text])[0]!, expected!)).toBeGreaterThan(same);
    }
    expect(() => embedder.setThreads(embedder.plan.threads + 1)).toThrow(Error);
  },

  "a vocabulary opened through the handle is the same vocabulary": (embedder: Embedder) => {
    const other = openVocabulary(structuredClone(embedder.vocabularyHandle));
    const options = { parseSpecial: false, addSpecial: true };
    for (const text of texts) expect(other.tokenize(text, options)).toEqual(tokensOf(embedder, text));
  },

  "closing twice is harmless, and a closed embedder refuses": (embedder: Embedder) => {
    embedder[Symbol.dispose]();
    embedder[Symbol.dispose]();
    expect(() => embedder.embed([Int32Array.of(1)])).toThrow(Error);
  },
};

/**
 * Everything an Embedder promises, run against one that `open` makes; it is opened once. Its plan must have 4 slots or
 * more, and a micro-batch of at least 256 tokens of which a text may have at least a quarter and 100.
 * `noise`: how much less than 1 the cosine of a text's vectors may be when it is computed beside others, or on more threads.
 */
export function embedderContract(
  name: string,
  open: () => Embedder | Promise<Embedder>,
  { noise }: { noise: number },
): void {
  describe(name, () => {
    let embedder: Embedder;
    beforeAll(async () => {
      embedder = await open();
    });
    beforeEach(() => embedder.setThreads(embedder.plan.threads));
    afterAll(() => embedder?.[Symbol.dispose]());

    for (const [rule, holds] of Object.entries(rules)) test(rule, () => holds(embedder, 1 - noise));
  });
}
