import fc from "fast-check";
import { expect, test } from "vitest";
import { catalogue } from "./catalogue.ts";
import { measureBandwidth, suggestModels } from "./suggest.ts";

const gib = 1024 ** 3;
const first = (memory: number, speed: number) =>
  suggestModels({ memoryBytes: memory * gib, bytesPerSecond: speed * gib })[0]!;

test("more memory and speed, larger models", () => {
  expect(first(1, 20)).toMatchObject({ verdict: "recommended", entry: { name: "smollm2-135m-instruct" } });
  expect(first(4, 20).entry.name).toBe("qwen3-0.6b");
  expect(first(64, 20).entry.name).toBe("qwen3-0.6b");
  expect(first(64, 40).entry.name).toBe("llama-3.2-3b-instruct");
  expect(first(64, 200).entry.name).toBe("qwen3-8b");
});

test("each says why, with the numbers; the slow and the too large are not hidden", () => {
  const slow = suggestModels({ memoryBytes: 64 * gib, bytesPerSecond: 0.1 * gib });
  expect(slow[0]).toMatchObject({ verdict: "recommended", entry: { name: "smollm2-135m-instruct" } });
  expect(slow[0]!.why).toBe(
    "about 1 tokens/s, 948 MiB of the 64.0 GiB of memory; none is fast here, this is the fastest",
  );
  expect(new Set(slow.slice(1).map(({ verdict }) => verdict))).toEqual(new Set(["slow"]));
  const none = suggestModels({ memoryBytes: 0.1 * gib, bytesPerSecond: 20 * gib });
  expect(none[0]).toMatchObject({ verdict: "too large", why: "needs 948 MiB of the 102 MiB of memory" });
});

test("every chat model once; none recommended that does not fit; never a smaller one for more memory", () => {
  const chat = catalogue.filter(({ task }) => task === "chat").length;
  const machine = fc.tuple(
    fc.double({ min: 0.01, max: 500, noNaN: true }),
    fc.double({ min: 0.1, max: 500, noNaN: true }),
  );
  fc.assert(
    fc.property(machine, fc.double({ min: 1, max: 4, noNaN: true }), ([memory, speed], more) => {
      const facts = { memoryBytes: memory * gib, bytesPerSecond: speed * gib };
      const suggestions = suggestModels(facts);
      expect(new Set(suggestions.map(({ entry }) => entry.name)).size).toBe(chat);
      const best = suggestions[0]!;
      if (best.verdict !== "recommended") return;
      expect(best.memoryBytes).toBeLessThanOrEqual(facts.memoryBytes);
      const faster = suggestModels({
        memoryBytes: facts.memoryBytes * more,
        bytesPerSecond: facts.bytesPerSecond * more,
      });
      if (best.tokensPerSecond >= 10) expect(faster[0]!.entry.bytes).toBeGreaterThanOrEqual(best.entry.bytes);
    }),
  );
});

test("this machine's memory delivers something", () => {
  expect(measureBandwidth(1024 * 1024)).toBeGreaterThan(1e8);
});
