import { expect, test } from "vitest";
import { createLog } from "./log.ts";

function logOf(readable: boolean) {
  const lines: string[] = [];
  const { logger, setLevel } = createLog({ level: "info", readable, write: (line) => lines.push(line) });
  return { logger, setLevel, lines };
}

test("JSON lines have time, level name, fields and message", () => {
  const { logger, lines } = logOf(false);
  logger.info({ status: 200 }, "request");
  logger.debug("not this");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toEqual({
    level: "info",
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    status: 200,
    msg: "request",
  });
});

test("readable lines hold the same in one line", () => {
  const { logger, lines } = logOf(true);
  logger.warn({ path: "/v1/models", words: "a b", list: [1], none: undefined }, "request");
  expect(lines).toEqual([
    expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{3} warn {2}request path=\/v1\/models words="a b" list=\[1\]\n$/),
  ]);
});

test("an error brings its stack, the cause included", () => {
  const { logger, lines } = logOf(true);
  logger.error({ err: new Error("outer", { cause: new Error("inner") }) }, "request");
  expect(lines[0]).toMatch(/error request\nError: outer\n {4}at .*\n.*inner/s);
});

test("text from clients cannot forge lines or move the cursor", () => {
  const { logger, lines } = logOf(true);
  logger.info({ path: "/a\nfake\u001b[2J\u2028\ud800" }, "one\u001b[1Atwo");
  expect(lines[0]!.slice(0, -1)).toMatch(/^[\x20-\x7e]*$/);
});

test("another level counts for children too, those that were there and those that come", () => {
  const { logger, setLevel, lines } = logOf(true);
  const before = logger.child({ model: "a" });
  setLevel("debug");
  before.debug("one");
  logger.child({ model: "b" }).debug("two");
  setLevel("silent");
  before.fatal("three");
  expect(lines).toEqual([expect.stringMatching(/one model=a/), expect.stringMatching(/two model=b/)]);
});
