import { expect } from "vitest";
import type { EngineProbe } from "./engine-probe.ts";

/** The slot was trimmed to `keep`, or refused: then it is right from there on, or it can be cleared and used again. */
function expectTrimmed(
  probe: EngineProbe,
  slot: number,
  cut: { tokens: Int32Array; keep: number; must: boolean },
): void {
  const before = probe.engine.held(slot);
  const trimmed = probe.engine.trim(slot, cut.keep);
  if (cut.must) expect(trimmed).toBe(true);
  expect(probe.engine.held(slot)).toBe(trimmed ? cut.keep : before);
  if (!trimmed) probe.clear(slot);
  const continued = probe.diverging(cut.tokens, cut.keep);
  probe.expectSame(probe.feed(slot, continued), probe.clean(continued));
}

/** Rules about what a slot remembers, part of the engine contract. */
export const memoryRules = {
  "`held` follows steps, trims, saves and restores": (probe: EngineProbe) => {
    const { engine } = probe;
    const tokens = probe.tokens(40);
    expect(engine.held(0)).toBe(0);
    probe.feed(0, tokens.subarray(0, 30));
    expect(engine.held(0)).toBe(30);
    expect(engine.trim(0, 30)).toBe(true);
    expect(engine.held(0)).toBe(30);
    const saved = engine.save(0);
    expect(saved.length).toBe(30);
    probe.feed(0, tokens);
    expect(engine.held(0)).toBe(40);
    engine.restore(0, saved);
    expect(engine.held(0)).toBe(30);
    expect(engine.held(1)).toBe(0);
    expect(engine.trim(0, 0)).toBe(true);
    expect(engine.held(0)).toBe(0);
  },

  "a cleared slot remembers nothing": (probe: EngineProbe) => {
    probe.feed(0, probe.tokens(50, 1));
    probe.clear(0);
    const tokens = probe.tokens(20);
    probe.expectSame(probe.feed(0, tokens), probe.clean(tokens));
  },

  "after a trim in place a sequence continues like a clean one, or trim says no": (probe: EngineProbe) => {
    const tokens = probe.tokens(probe.longLength);
    for (const keep of [tokens.length - 20, 8]) {
      probe.clear(0);
      probe.feed(0, tokens);
      expectTrimmed(probe, 0, { tokens, keep, must: probe.engine.info.capabilities.trimInPlace });
    }
  },

  "after a restore and a trim a sequence continues like a clean one, or trim says no": (probe: EngineProbe) => {
    const tokens = probe.tokens(probe.longLength);
    probe.feed(0, tokens);
    const saved = probe.engine.save(0);
    for (const keep of [tokens.length - 20, 8]) {
      probe.engine.restore(1, saved);
      expectTrimmed(probe, 1, { tokens, keep, must: probe.engine.info.capabilities.trimAfterRestore });
    }
  },

  "a saved sequence continues in any slot like the one it was, whatever the slot held": (probe: EngineProbe) => {
    const { engine } = probe;
    const tokens = probe.tokens(probe.longLength);
    probe.feed(0, tokens);
    const saved = engine.save(0);
    const continued = probe.diverging(tokens, tokens.length);
    const expected = probe.clean(continued);
    // What happens to the source afterwards is not part of what was saved.
    probe.feed(0, probe.diverging(tokens, tokens.length, 30));
    probe.feed(1, probe.tokens(30, 2));
    for (const slot of [0, 1, 2]) {
      engine.restore(slot, saved);
      expect(engine.held(slot)).toBe(tokens.length);
      probe.expectSame(probe.feed(slot, continued), expected);
    }
  },

  "a save into the buffer of a former save uses it again": (probe: EngineProbe) => {
    const { engine } = probe;
    const short = probe.tokens(20, 1);
    probe.feed(0, probe.tokens(60));
    probe.feed(1, short);
    const first = engine.save(0);
    const second = engine.save(1, first);
    expect(second.bytes.buffer).toBe(first.bytes.buffer);
    expect(second.length).toBe(20);
    engine.restore(2, second);
    const continued = probe.diverging(short, short.length);
    probe.expectSame(probe.feed(2, continued), probe.clean(continued));
    // A buffer that is too small is no obstacle.
    probe.feed(0, probe.tokens(60));
    expect(engine.save(0, engine.save(1)).length).toBe(60);
  },

  "a copied prefix continues like a computed one, or copy says no": (probe: EngineProbe) => {
    const { engine } = probe;
    const tokens = probe.tokens(probe.longLength);
    probe.feed(0, tokens);
    for (const length of [tokens.length, 8]) {
      probe.clear(1);
      probe.feed(1, probe.tokens(12, 3));
      const copied = engine.copy(0, 1, length);
      if (copied) expect(engine.held(1)).toBe(length);
      else probe.clear(1);
      const continued = probe.diverging(tokens, length);
      probe.expectSame(probe.feed(1, continued), probe.clean(continued));
      expect(engine.held(0)).toBe(tokens.length);
    }
    const source = probe.diverging(tokens, tokens.length);
    probe.expectSame(probe.feed(0, source), probe.clean(source));
  },

  "a trim to more than is held throws": (probe: EngineProbe) => {
    probe.feed(0, probe.tokens(10));
    expect(() => probe.engine.trim(0, 11)).toThrow(Error);
    expect(probe.engine.held(0)).toBe(10);
  },
};
