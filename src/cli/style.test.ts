import { afterEach, expect, test, vi } from "vitest";
import { harmless, styled } from "./style.ts";
import { table } from "./table.ts";

afterEach(() => vi.unstubAllEnvs());

test("colour on terminals that have it, and not where NO_COLOR is set", () => {
  vi.stubEnv("NO_COLOR", undefined);
  vi.stubEnv("TERM", "xterm");
  expect(styled({ isTTY: true }, "red", "x")).toBe("\u001b[31mx\u001b[39m");
  expect(styled({ isTTY: false }, "red", "x")).toBe("x");
  vi.stubEnv("TERM", "dumb");
  expect(styled({ isTTY: true }, "red", "x")).toBe("x");
  vi.stubEnv("TERM", "xterm");
  vi.stubEnv("NO_COLOR", "1");
  expect(styled({ isTTY: true }, "red", "x")).toBe("x");
});

test("an answer cannot move the cursor or set the title of a terminal", () => {
  expect(harmless("a\u001b[2Jb\u009b1mc\u0007\r\n\té🌊")).toBe("a[2Jb1mc\n\té🌊");
});

test("columns stand beneath each other, and no line ends in blanks", () => {
  expect(
    table([
      ["a", "bb"],
      ["ccc", ""],
    ]),
  ).toBe("a    bb\nccc\n");
});
