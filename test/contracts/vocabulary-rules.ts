import fc from "fast-check";
import { expect } from "vitest";
import { openVocabulary } from "../../src/engine/open.ts";
import type { Vocabulary } from "../../src/engine/vocabulary.ts";
import type { EngineProbe } from "./engine-probe.ts";

const plain = { parseSpecial: false, addSpecial: false };
const parsed = { parseSpecial: true, addSpecial: false };

/**
 * What real vocabularies lose: SmolLM2 has no tokens for some control characters and for the first byte of characters
 * beyond plane 3, gemma takes U+2581 for a space.
 */
const unspellable = /[\p{Cc}\u2581\u{40000}-\u{10ffff}]/gu;

const hardTexts = [
  "",
  " ",
  "Hello, world!",
  "  two  spaces\t\ttabs\r\nand lines\n\n\n",
  "naïve café, Straße, 東京, Ελλάδα, עברית",
  "👋 👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301",
  "function f(x) { return x ** 2 + 0.125; }",
  "<b>not special</b> [INST] {{ braces }}",
];

function textOf(vocabulary: Vocabulary, ids: Int32Array, special = false): string {
  return Buffer.concat([...ids].map((id) => vocabulary.piece(id, special))).toString("utf8");
}

/** Rules about the tokens of a model, part of the engine contract. */
export const vocabularyRules = {
  "pieces put together are the text that was tokenized": ({ engine: { vocabulary } }: EngineProbe) => {
    const roundTrip = (text: string) => {
      const ids = vocabulary.tokenize(text, plain);
      expect(ids.every((id) => id >= 0 && id < vocabulary.size)).toBe(true);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(ids.length * vocabulary.maxPieceBytes);
      expect(textOf(vocabulary, ids)).toBe(text);
    };
    hardTexts.forEach(roundTrip);
    fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), roundTrip), { numRuns: 100 });
    const anyUnit = fc.string({ unit: "binary", maxLength: 40 }).map((text) => text.replace(unspellable, ""));
    fc.assert(fc.property(anyUnit, roundTrip), { numRuns: 100 });
  },

  "control tokens are parsed only when asked, and shown only when asked": ({ engine: { vocabulary } }: EngineProbe) => {
    const eos = vocabulary.eosToken;
    if (eos === undefined) return;
    const text = Buffer.from(vocabulary.piece(eos, true)).toString("utf8");
    expect(text).not.toBe("");
    expect(vocabulary.piece(eos)).toHaveLength(0);
    expect([...vocabulary.tokenize(text, parsed)]).toEqual([eos]);

    const asText = vocabulary.tokenize(`say ${text} now`, plain);
    expect([...asText]).not.toContain(eos);
    expect(textOf(vocabulary, asText)).toBe(`say ${text} now`);
    expect([...vocabulary.tokenize(`say ${text} now`, parsed)]).toContain(eos);
  },

  "addSpecial puts the model's own tokens around the text and changes nothing else": (probe: EngineProbe) => {
    const { vocabulary } = probe.engine;
    const text = "The river runs slowly.";
    const inner = vocabulary.tokenize(text, plain);
    const whole = vocabulary.tokenize(text, { parseSpecial: false, addSpecial: true });
    const start = whole[0] === vocabulary.bosToken ? 1 : 0;
    expect([...whole.subarray(start, start + inner.length)]).toEqual([...inner]);
    expect(whole.length - inner.length - start).toBeLessThanOrEqual(1);
  },

  "the end of generation is a token that ends generation; words do not": ({ engine: { vocabulary } }: EngineProbe) => {
    if (vocabulary.eosToken !== undefined) expect(vocabulary.endsGeneration(vocabulary.eosToken)).toBe(true);
    const words = vocabulary.tokenize("The river runs slowly.", plain);
    expect([...words].some((id) => vocabulary.endsGeneration(id))).toBe(false);
  },

  "no piece is longer than maxPieceBytes; control tokens are those without a piece": (probe: EngineProbe) => {
    const { vocabulary } = probe.engine;
    const controls: number[] = [];
    let longest = 0;
    for (let id = 0; id < vocabulary.size; id++) {
      longest = Math.max(longest, vocabulary.piece(id, true).length);
      if (vocabulary.piece(id).length === 0) controls.push(id);
    }
    expect(longest).toBeGreaterThan(0);
    expect(longest).toBeLessThanOrEqual(vocabulary.maxPieceBytes);
    expect(controls).toEqual(vocabulary.controlTokens);
  },

  "a vocabulary opened through the handle is the same vocabulary": ({ engine }: EngineProbe) => {
    const mine = engine.vocabulary;
    const other = openVocabulary(structuredClone(engine.vocabularyHandle));
    expect(other.size).toBe(mine.size);
    expect([other.bosToken, other.eosToken, other.chatTemplate, other.maxPieceBytes]).toEqual([
      mine.bosToken,
      mine.eosToken,
      mine.chatTemplate,
      mine.maxPieceBytes,
    ]);
    for (const text of hardTexts) {
      const ids = mine.tokenize(text, parsed);
      expect([...other.tokenize(text, parsed)]).toEqual([...ids]);
      expect(textOf(other, ids, true)).toBe(textOf(mine, ids, true));
    }
  },
};
