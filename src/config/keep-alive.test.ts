import { expect, test } from "vitest";
import { keepAliveMs } from "./keep-alive.ts";

test.each([
  [0, 0],
  ["0", 0],
  [300, 300_000],
  ["300", 300_000],
  [1.5, 1500],
  ["5m", 300_000],
  ["24h", 86_400_000],
  ["1h30m", 5_400_000],
  ["1.5h", 5_400_000],
  ["500ms", 500],
  [-1, Infinity],
  ["-1", Infinity],
  ["-5m", Infinity],
  ["", undefined],
  ["5", 5000],
  ["5 m", undefined],
  ["5d", undefined],
  ["m", undefined],
  ["1e9", undefined],
  [Number.NaN, undefined],
  ["9".repeat(50), undefined],
])("%o is %o ms", (text, milliseconds) => expect(keepAliveMs(text)).toBe(milliseconds));
