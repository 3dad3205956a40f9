import fc from "fast-check";
import { expect, test } from "vitest";
import { batchForTexts, defaultPlan } from "../core/execution-plan.ts";
import { differenceInWords, fitLoad, neededBytes, tryFit, type WantedLoad } from "./fit-load.ts";
import { estimateMemory, type Load } from "./memory-estimate.ts";
import { gemma3, smollm2, smollm2Q4 } from "./real-headers/testing.ts";

const mebibyte = 1024 * 1024;
const plan = defaultPlan("model.gguf", 2);
const needed = (load: Load) => neededBytes(estimateMemory(smollm2, load));

const wanted = (over: Partial<WantedLoad> = {}): WantedLoad => ({
  plan,
  cacheMemory: 256 * mebibyte,
  mayShrink: "everything",
  ...over,
});

/** The nearest load of SmolLM2 that so many MiB hold: MiB of cache, slots, context. */
function nearest(mebibytes: number, over: Partial<WantedLoad> = {}): readonly number[] | undefined {
  const load = tryFit(smollm2, wanted(over), mebibytes * mebibyte);
  return load && [load.cacheMemory / mebibyte, load.plan.slots, load.plan.contextPerSlot];
}

test("the cache is given up first, then slots, then context, and none of them further than needed", () => {
  const all = Math.ceil(needed(wanted()) / mebibyte);
  const withoutSlots = Math.ceil(needed({ plan: { ...plan, slots: 1 }, cacheMemory: 0 }) / mebibyte);
  expect(nearest(all)).toEqual([256, 8, 2048]);
  expect(nearest(all - 100)).toEqual([156, 8, 2048]);
  expect(nearest(all - 257)).toEqual([expect.any(Number), 7, 2048]);
  expect(nearest(withoutSlots)).toEqual([0, 1, 2048]);
  expect(nearest(withoutSlots - 1)).toEqual([expect.any(Number), 1, 1792]);
  expect(nearest(withoutSlots - 34)).toEqual([expect.any(Number), 1, 512]);
  expect(nearest(withoutSlots - 50)).toBeUndefined();
});

test("only what may be made smaller is", () => {
  const all = Math.ceil(needed(wanted()) / mebibyte);
  expect(nearest(all, { mayShrink: "nothing" })).toEqual([256, 8, 2048]);
  expect(nearest(all - 1, { mayShrink: "nothing" })).toBeUndefined();
  expect(nearest(all - 256, { mayShrink: "cache" })).toEqual([0, 8, 2048]);
  expect(nearest(all - 257, { mayShrink: "cache" })).toBeUndefined();
});

test("of a plan to embed the longest text is made shorter, and with it the call that it fills", () => {
  const wantedPlan = { ...plan, task: "embed", contextPerSlot: 4096, ...batchForTexts(4096) } as const;
  const asked = (available: number) => tryFit(smollm2, wanted({ plan: wantedPlan, cacheMemory: 0 }), available);
  const all = needed({ plan: wantedPlan, cacheMemory: 0 });
  expect(asked(all)?.plan).toEqual(wantedPlan);
  expect(asked(all - 1)?.plan).toEqual({ ...wantedPlan, contextPerSlot: 3840, batch: 3840, microBatch: 3840 });
  const least = { ...wantedPlan, contextPerSlot: 512, batch: 2048, microBatch: 512 };
  expect(asked(needed({ plan: least, cacheMemory: 0 }))?.plan).toEqual(least);
  expect(asked(needed({ plan: least, cacheMemory: 0 }) - 1)).toBeUndefined();
  expect(() => fitLoad(smollm2, wanted({ plan: wantedPlan, cacheMemory: 0, mayShrink: "nothing" }), all - 1)).toThrow(
    "; --context 3840 would fit, and --fit would choose it",
  );
});

const loads = fc.record({
  plan: fc.record({ slots: fc.integer({ min: 1, max: 32 }), contextPerSlot: fc.integer({ min: 64, max: 10_000 }) }),
  cacheMemory: fc.integer({ min: 0, max: 2000 }).map((mebibytes) => mebibytes * mebibyte),
  mayShrink: fc.constantFrom("nothing" as const, "cache" as const, "everything" as const),
});

test("whatever is wanted: what is chosen fits, has no more of anything, and one step more of what was last given up would not fit", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(smollm2, smollm2Q4, gemma3),
      loads,
      fc.integer({ min: 100, max: 6000 }),
      (header, asked, mebibytes) => {
        const available = mebibytes * mebibyte;
        const wanted = { ...asked, plan: { ...plan, ...asked.plan } };
        const fits = (load: Load) => neededBytes(estimateMemory(header, load)) <= available;
        const chosen = tryFit(header, wanted, available);
        if (chosen === undefined) {
          expect(fits(wanted)).toBe(false);
          return;
        }
        expect(fits(chosen)).toBe(true);
        if (fits(wanted)) {
          expect(chosen).toEqual({ plan: wanted.plan, cacheMemory: wanted.cacheMemory });
          return;
        }
        const { slots, contextPerSlot } = chosen.plan;
        expect(chosen.cacheMemory).toBeLessThanOrEqual(wanted.cacheMemory);
        expect(slots).toBeLessThanOrEqual(wanted.plan.slots);
        expect(contextPerSlot).toBeLessThanOrEqual(wanted.plan.contextPerSlot);
        const more =
          contextPerSlot < wanted.plan.contextPerSlot
            ? { plan: { ...chosen.plan, contextPerSlot: contextPerSlot + 256 }, cacheMemory: 0 }
            : slots < wanted.plan.slots
              ? { plan: { ...chosen.plan, slots: slots + 1 }, cacheMemory: 0 }
              : { ...chosen, cacheMemory: chosen.cacheMemory + mebibyte };
        expect(fits(more)).toBe(false);
      },
    ),
    { numRuns: 500 },
  );
});

test("a refusal has the numbers, and the options that would be chosen", () => {
  const refusal = (available: number, over: Partial<WantedLoad> = {}) => {
    try {
      return fitLoad(smollm2, wanted({ mayShrink: "nothing", ...over }), available * mebibyte);
    } catch (thrown) {
      return (thrown as Error).message;
    }
  };
  const parts = String.raw`weights 92\.1 MiB, context 360 MiB, prefix cache 256 MiB, the rest \d+ MiB`;
  expect(refusal(400)).toMatch(
    new RegExp(
      String.raw`^this model needs about \d+ MiB \(${parts}\) and 400 MiB can be had; --cache-memory \d+MiB --parallel \d would fit, and --fit would choose it$`,
    ),
  );
  expect(refusal(100)).toMatch(/no shorter context fits/);
  expect(refusal(4000)).toEqual({ plan, cacheMemory: 256 * mebibyte });
});

test("what is missing is said in words", () => {
  expect(differenceInWords(wanted(), wanted())).toBe("");
  const less = { plan: { ...plan, slots: 1, contextPerSlot: 512 }, cacheMemory: 0 };
  expect(differenceInWords(wanted(), less)).toBe(
    "no prefix cache instead of 256 MiB, 1 slot instead of 8, 512 tokens of context instead of 2048",
  );
});
