import { expect, test } from "vitest";
import { Liveness, type LivenessLimits } from "./liveness.ts";

const limits: LivenessLimits = { silenceMs: 1000, stepMs: 300, stepMsPerToken: 10, abortMs: 50 };

test("silence kills, any message is a sign of life", () => {
  const liveness = new Liveness(limits, 0);
  for (const now of [250, 500, 750, 1000]) expect(liveness.check(now).type).toBe("alive");
  liveness.heard(1000);
  for (const now of [1250, 1500, 1750, 2000]) expect(liveness.check(now).type).toBe("alive");
  expect(liveness.check(2250)).toEqual({ type: "kill", why: "it was not heard of for 1 s" });
});

test("when the watcher itself stood still, the engine gets its time again", () => {
  const liveness = new Liveness(limits, 0);
  liveness.check(250);
  expect(liveness.check(9000).type).toBe("alive");
  for (const now of [9250, 9500, 9750, 10_000]) expect(liveness.check(now).type).toBe("alive");
  expect(liveness.check(10_250).type).toBe("kill");
});

test("a step that takes too long is aborted once and then killed", () => {
  const liveness = new Liveness(limits, 0);
  expect(liveness.judge({ step: 7, tokens: 1, milliseconds: 299 }).type).toBe("alive");
  expect(liveness.judge({ step: 7, tokens: 1, milliseconds: 301 }).type).toBe("abort");
  expect(liveness.judge({ step: 7, tokens: 1, milliseconds: 340 }).type).toBe("alive");
  expect(liveness.judge({ step: 7, tokens: 1, milliseconds: 351 })).toMatchObject({ type: "kill" });
});

test("more tokens have more time", () => {
  const liveness = new Liveness(limits, 0);
  expect(liveness.judge({ step: 1, tokens: 512, milliseconds: 5000 }).type).toBe("alive");
  expect(liveness.judge({ step: 1, tokens: 512, milliseconds: 5200 }).type).toBe("abort");
});

test("an abort that helped is forgotten, one whose next step is as bad is not", () => {
  const liveness = new Liveness(limits, 0);
  expect(liveness.judge({ step: 1, tokens: 1, milliseconds: 400 }).type).toBe("abort");
  expect(liveness.judge({ step: 9, tokens: 1, milliseconds: 400 }).type).toBe("abort");
  expect(liveness.judge({ step: 10, tokens: 1, milliseconds: 400 }).type).toBe("kill");
});
