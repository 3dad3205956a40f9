import { describe, expect, test } from "vitest";
import { PrefixCache, type CacheOptions, type Prefix } from "./prefix-cache.ts";
import { aPrompt, aSequence, aTenant } from "./testing.ts";

const cacheOf = (over: Partial<CacheOptions> = {}) =>
  new PrefixCache({ capabilities: { trimAfterRestore: true }, budget: 1000, enabled: true, ...over });

function resting(cache: PrefixCache, tokens: Int32Array, over: Partial<Prefix> = {}): Prefix {
  const place = { kind: "resting", slot: 0 } as const;
  return cache.add({ tenant: "someone", tokens, length: tokens.length, sharedLength: 0, place, ...over });
}

/** Parks it in a buffer of so many bytes. */
function park(cache: PrefixCache, prefix: Prefix, { bytes = 100, ms = 1 } = {}): boolean {
  if (
    !cache.makeRoom(prefix, bytes, ms) ||
    !cache.park(prefix, { length: prefix.length, bytes: new Uint8Array(bytes) })
  )
    return false;
  return true;
}

describe("finding", () => {
  test("the longest counts, and one token is left to compute", () => {
    const cache = cacheOf();
    resting(cache, aPrompt(30));
    const best = resting(cache, aPrompt(60, { common: 50, tail: 1 }));
    const sequence = aSequence({ prompt: aPrompt(80) });
    expect(cache.find(sequence)).toEqual({ source: best, length: 50, coming: undefined });
    expect(cache.find(aSequence({ prompt: aPrompt(50) })).length).toBe(49);
    cache.check([best, best]);
    expect(() => cache.check([best])).toThrow("2 prefixes can be found of 1");
  });

  test("a few tokens are not worth it", () => {
    const cache = cacheOf();
    resting(cache, aPrompt(40, { common: 15, tail: 1 }));
    expect(cache.find(aSequence({ prompt: aPrompt(40) })).source).toBeUndefined();
  });

  test("tenants find their own, and of others what both list as shared", () => {
    const cache = cacheOf();
    const theirs = resting(cache, aPrompt(60), { tenant: "other", sharedLength: 40 });
    expect(cache.find(aSequence({ prompt: aPrompt(60) })).source).toBeUndefined();
    expect(cache.find(aSequence({ prompt: aPrompt(60), sharedLength: 40 }))).toMatchObject({
      source: theirs,
      length: 40,
    });
    expect(cache.find(aSequence({ prompt: aPrompt(60), sharedLength: 50 })).length).toBe(40);
    expect(cache.find(aSequence({ prompt: aPrompt(60), sharedLength: 30 })).length).toBe(30);
    const mine = aSequence({ prompt: aPrompt(60), tenant: aTenant("other") });
    expect(cache.find(mine)).toMatchObject({ source: theirs, length: 59 });
  });

  test("where memory cannot be cut, only the whole of what does not run", () => {
    const cache = cacheOf({ capabilities: { trimAfterRestore: false } });
    const whole = resting(cache, aPrompt(40));
    resting(cache, aPrompt(60, { common: 50, tail: 1 }));
    expect(cache.find(aSequence({ prompt: aPrompt(80) }))).toMatchObject({ source: whole, length: 40 });
  });

  test("of a running one, what it has computed, and what it is about to compute", () => {
    const cache = cacheOf();
    const sequence = Object.assign(aSequence({ prompt: aPrompt(100) }), { computed: 30 });
    resting(cache, sequence.tokens, { length: 100, place: { kind: "running", slot: 0, sequence } });
    const asked = aSequence({ prompt: aPrompt(90, { common: 70, tail: 1 }) });
    expect(cache.find(asked)).toMatchObject({ length: 30, coming: { sequence, length: 70 } });
    sequence.computed = 80;
    expect(cache.find(asked)).toMatchObject({ length: 70, coming: undefined });
  });

  test("nothing when it is off", () => {
    const cache = cacheOf({ enabled: false });
    resting(cache, aPrompt(60));
    expect(cache.find(aSequence({ prompt: aPrompt(80) })).source).toBeUndefined();
  });
});

describe("room in host memory", () => {
  const prefixes = (cache: PrefixCache, count: number) =>
    Array.from({ length: count }, (_, stem) => resting(cache, aPrompt(50, { stem: stem + 1 })));

  test("is made by giving up what is cheapest to compute again per byte", () => {
    const cache = cacheOf({ budget: 300 });
    const [a, b, c, d] = prefixes(cache, 4) as [Prefix, Prefix, Prefix, Prefix];
    park(cache, a, { ms: 5 });
    park(cache, b, { ms: 2 });
    park(cache, c, { ms: 4 });
    expect(park(cache, d, { ms: 3 })).toBe(true);
    expect(cache.parked).toEqual(new Set([a, c, d]));
    expect(cache.parking.parkedBytes).toBe(300);
  });

  test("is not made for what is larger than all of it", () => {
    const cache = cacheOf({ budget: 100 });
    const [a, b] = prefixes(cache, 2) as [Prefix, Prefix];
    park(cache, a);
    expect(park(cache, b, { bytes: 101, ms: 1000 })).toBe(false);
    expect(cache.makeRoom(b, 50, 1000)).toBe(true); // and then it turns out to be larger
    park(cache, a);
    expect(cache.park(b, { length: 50, bytes: new Uint8Array(101) })).toBe(false);
    expect(cache.parked).toEqual(new Set([a]));
  });

  test("what is used often is kept, for as long as it is, and what is in use at all costs", () => {
    const cache = cacheOf({ budget: 200 });
    const [popular, pinned] = prefixes(cache, 2) as [Prefix, Prefix];
    let stem = 100;
    const othersComeAndGo = (count: number) => {
      for (let i = 0; i < count; i++) {
        cache.started(undefined);
        park(cache, resting(cache, aPrompt(50, { stem: stem++ })));
      }
    };
    park(cache, popular);
    for (let uses = 0; uses < 2; uses++) cache.started(popular);
    othersComeAndGo(5);
    expect(cache.parked).toContain(popular);
    othersComeAndGo(40);
    expect(cache.parked).not.toContain(popular);
    park(cache, pinned);
    cache.pinned = pinned;
    othersComeAndGo(50);
    expect(cache.parked).toContain(pinned);
    cache.expect(pinned);
    cache.pinned = undefined;
    othersComeAndGo(1);
    expect(cache.parked).toContain(pinned);
  });

  test("what is asked for now drives out what was asked for before, however often that was", () => {
    const cache = cacheOf({ budget: 40 * 100 });
    let missed = 0;
    for (let phase = 0; phase < 10; phase++) {
      const rotating = Array.from({ length: 24 }, (_, i) => resting(cache, aPrompt(50, { stem: 100 * phase + i + 1 })));
      for (let round = 0; round < 4; round++) {
        for (const prefix of rotating) {
          const isThere = cache.parked.has(prefix);
          cache.started(isThere ? prefix : undefined);
          if (!isThere) park(cache, prefix);
          if (!isThere && round > 0) missed++;
        }
      }
    }
    expect(missed / (10 * 3 * 24)).toBeLessThan(0.05);
  });

  test("a parked beginning goes when the longer one is parked, unless memory cannot be cut", () => {
    for (const trimAfterRestore of [true, false]) {
      const cache = cacheOf({ capabilities: { trimAfterRestore } });
      const foreign = resting(cache, aPrompt(40), { tenant: "other" });
      const short = resting(cache, aPrompt(40));
      for (const prefix of [foreign, short]) park(cache, prefix);
      const long = resting(cache, aPrompt(60));
      park(cache, long);
      expect(cache.parked).toEqual(new Set(trimAfterRestore ? [foreign, long] : [foreign, short, long]));
    }
  });

  test("tokens that something else covers are not unique", () => {
    const cache = cacheOf();
    const [a] = [
      resting(cache, aPrompt(60, { common: 40, tail: 1 })),
      resting(cache, aPrompt(80, { common: 40, tail: 2 })),
    ];
    expect(cache.uniqueTokens(a)).toBe(20);
  });
});
