import { expect, test } from "vitest";
import { parseFakeOptions } from "./options.ts";

test("nothing given is a free, faultless, chatty model", () => {
  expect(parseFakeOptions("")).toEqual({
    seed: 1,
    script: [],
    chat: true,
    thinks: false,
    window: 0,
    recurrent: false,
    stepMs: 0,
    prefillUsPerToken: 0,
    decodeUsPerSequence: 0,
    loadMs: 0,
    loadFails: false,
    crashAtStep: 0,
    crash: "kill",
    poisonToken: 0,
    stallAtStep: 0,
    noRoomAtStep: 0,
  });
});

test("options are read from a query string", () => {
  const script = { "what's up?": "nothing & 👋" };
  const text = new URLSearchParams({ stepMs: "2.5", recurrent: "1", crash: "abort", script: JSON.stringify(script) });
  const expected = { stepMs: 2.5, recurrent: true, crash: "abort", script: Object.entries(script) };
  expect(parseFakeOptions(text.toString())).toMatchObject(expected);
});

test.each([
  ["stepms=5", "'stepms' is not an option"],
  ["seed=1&seed=2", "'seed' is given twice"],
  ["stepMs=fast", "'stepMs' must be a number, 0 or more"],
  ["stepMs=", "'stepMs' must be a number, 0 or more"],
  ["seed=-1", "'seed' must be a whole number, 0 or more"],
  ["window=4", "'window' must be 0 or at least 8"],
  ["chat=yes", "'chat' must be 0 or 1"],
  ["crash=boom", "'crash' must be one of kill, abort, segv, garbage, hangup"],
  ["script={", "'script' must be JSON"],
  ["script=[1]", "'script' must be a JSON object of texts"],
  ['script={"a":1}', "'script'"],
])("%s is refused, with what is accepted", (text, problem) => {
  const error = expect.objectContaining({
    code: "invalid_config",
    message: expect.stringMatching(/; accepted: seed, script, .*noRoomAtStep/) as string,
  });
  expect(() => parseFakeOptions(text)).toThrow(error);
  expect(() => parseFakeOptions(text)).toThrow(problem);
});
