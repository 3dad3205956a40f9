import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CpuShares, divide } from "./cpu-shares.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Engines that want two threads when they work, and what each was told, in order. */
function engines(cores: number, names: string) {
  const shares = new CpuShares(cores);
  const told: string[] = [];
  const take = (): string => told.splice(0).join(" ");
  const [a, b, c] = names.split("").map((name) => shares.join((threads) => told.push(`${name}${threads}`)));
  return { a: a!, b: b!, c: c!, take };
}

test.each([
  [2, [2], [2]],
  [2, [2, 2], [1, 1]],
  [8, [8, 8, 8], [3, 3, 2]],
  [8, [1, 8], [1, 7]],
  [8, [2, 2], [2, 2]],
  [1, [1, 1], [1, 1]],
  [2, [2, 2, 2, 2], [1, 1, 1, 1]],
])("%i cores for those that want %j", (cores, wanted, shares) => {
  expect(divide(cores, wanted)).toEqual(shares);
});

test("nobody has too much, none goes without, and no core is left that somebody could use", () => {
  const wants = fc.array(fc.integer({ min: 1, max: 32 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), wants, (cores, wanted) => {
      const shares = divide(cores, wanted);
      const used = shares.reduce((sum, share) => sum + share, 0);
      const hungry = shares.filter((share, i) => share < wanted[i]!);
      expect(shares.every((share, i) => share >= 1 && share <= wanted[i]!)).toBe(true);
      expect(used).toBeLessThanOrEqual(Math.max(cores, wanted.length));
      if (used < cores) expect(hungry).toEqual([]);
      expect(Math.max(...shares) - Math.min(Infinity, ...hungry)).toBeLessThanOrEqual(1);
    }),
  );
});

test("one that works alone has all it wants, and is told nothing more", () => {
  const { a, take } = engines(2, "ab");
  a.want(2);
  expect(take()).toBe("a2");
  vi.advanceTimersByTime(10_000);
  expect(take()).toBe("");
});

test("who has to give way is told first; who is left gets it back when the other has rested for a while", () => {
  const { a, b, take } = engines(2, "ab");
  a.want(2);
  take();
  b.want(2);
  expect(take()).toBe("a1 b1");
  b.want(0);
  vi.advanceTimersByTime(99);
  expect(take()).toBe("");
  vi.advanceTimersByTime(1);
  expect(take()).toBe("a2");
});

test("who works again soon has kept its share, and is told it again: its process may be another one", () => {
  const { a, b, take } = engines(2, "ab");
  a.want(2);
  b.want(2);
  take();
  b.want(0);
  vi.advanceTimersByTime(50);
  b.want(2);
  expect(take()).toBe("b1");
  vi.advanceTimersByTime(1000);
  expect(take()).toBe("");
});

test("more engines than cores have a thread each", () => {
  const { a, b, c, take } = engines(2, "abc");
  for (const share of [a, b, c]) share.want(2);
  expect(take()).toBe("a2 a1 b1 c1");
  a.want(0);
  b.want(0);
  vi.advanceTimersByTime(100);
  expect(take()).toBe("c2");
});
