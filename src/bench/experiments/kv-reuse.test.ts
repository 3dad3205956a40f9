import { expect, test } from "vitest";
import { defaultPlan } from "../../core/execution-plan.ts";
import { openEngine } from "../../engine/open.ts";
import { costOf, kvReuse } from "./kv-reuse.ts";

const lengths = [32, 64, 128, 256];

const options = (over: object = {}) => ({
  length: 40,
  rounds: 2,
  signal: new AbortController().signal,
  onProgress: () => {},
  ...over,
});

const openFake = (over: object = {}) =>
  openEngine({ engine: "fake", plan: { ...defaultPlan("fake", 1), slots: 1, contextPerSlot: 64, ...over } });

test("both ways compute the same tokens, also where the sequence needs several steps", async () => {
  using engine = openFake({ batch: 16 });
  const { reused, recomputed, agreement } = await kvReuse(engine, options());
  expect(agreement).toEqual({ lengths: 17, same: 17 });
  expect(reused.perToken.map(({ x }) => x)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  expect(recomputed.perToken[0]!.x).toBe(1);
  expect(recomputed.cumulative.at(-1)!.x).toBe(40);
});

test("ends when it is told to, with the reason", async () => {
  using engine = openFake();
  const told = new AbortController();
  const onProgress = (what: string) => what.includes("round 1 of 2: without") && told.abort(new Error("enough"));
  await expect(kvReuse(engine, options({ signal: told.signal, onProgress }))).rejects.toThrow("enough");
});

test("the cumulative cost of sampled lengths is that of all lengths where the cost is linear", () => {
  const cost = (n: number) => ({ x: n, y: 3 + 2 * n });
  const all = costOf(
    Array.from({ length: 256 }, (_, i) => cost(i + 1)),
    lengths,
  );
  expect(all.cumulative.at(-1)!.y).toBeCloseTo(3 * 256 + 256 * 257);
  const sampled = costOf([1, ...lengths].map(cost), lengths);
  expect(sampled.cumulative.at(-1)!.y).toBeCloseTo(all.cumulative.at(-1)!.y);
});

test("constant costs add up to a line, growing ones to a parabola", () => {
  const constant = costOf(
    [1, ...lengths].map((x) => ({ x, y: 5 })),
    lengths,
  );
  expect(constant.exponents.perToken).toBeCloseTo(0);
  expect(constant.exponents.cumulative).toBeCloseTo(1);
  const every = Array.from({ length: 4096 }, (_, i) => ({ x: i + 1, y: i + 1 }));
  expect(costOf(every, [512, 1024, 2048, 4096]).exponents.cumulative).toBeCloseTo(2, 2);
});
