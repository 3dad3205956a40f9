import { expect, test } from "vitest";
import { CrashLoop } from "./crash-loop.ts";

const useless = { readyMs: 500, tokens: 3, taught: false, byItself: true };

test("restarts wait longer each time; the fifth death in a row opens the circuit, which then tries now and then", () => {
  const loop = new CrashLoop();
  const attempts = Array.from({ length: 11 }, () => loop.died(useless));
  expect(attempts.map(({ open }) => open)).toEqual([...Array.from({ length: 4 }, () => false), ...Array(7).fill(true)]);
  expect(attempts.map(({ delayMs }) => delayMs / 1000)).toEqual([0, 0.5, 1, 2, 30, 60, 120, 240, 300, 300, 300]);
});

test("one that is killed from outside again and again before it says anything is not tried for ever either", () => {
  const loop = new CrashLoop();
  const attempts = Array.from({ length: 5 }, () => loop.died({ ...useless, tokens: 0, byItself: false }));
  expect(attempts.map(({ open }) => open)).toEqual([false, false, false, false, true]);
});

test.each([
  ["ran for long", { readyMs: 60_000 }],
  ["got somewhere", { tokens: 32 }],
  ["told who kills engines", { tokens: 0, taught: true }],
  ["was ended from outside when it had got somewhere", { tokens: 1, byItself: false }],
])("a life that %s ends the row", (_how, life) => {
  const loop = new CrashLoop();
  for (let i = 0; i < 7; i++) loop.died(useless);
  expect(loop.died({ ...useless, ...life })).toEqual({ delayMs: 0, open: false });
  expect(loop.deaths).toBe(1);
});
