import { expect, test } from "vitest";
import { defaultPlan } from "../../core/execution-plan.ts";
import { openEngine } from "../../engine/open.ts";
import { LocalBackend } from "../../inference/local-backend.ts";
import { promptOf, ratesOf, runBurst } from "./burst.ts";

test("prompts are of valid tokens, and none begins like another", () => {
  const prompts = Array.from({ length: 200 }, (_, number) => promptOf(number, 40, 500));
  expect(new Set(prompts.map(([first]) => first)).size).toBe(200);
  expect(prompts.flat().every((token) => token >= 100 && token < 500)).toBe(true);
});

test("each sequence of a burst gets all its tokens, in order of time", async () => {
  const plan = { ...defaultPlan("fake", 1), slots: 3, contextPerSlot: 64 };
  await using backend = new LocalBackend(openEngine({ engine: "fake?stepMs=1", plan }), "fake");
  const prompts = [1, 2, 3].map((number) => promptOf(number, 10, 500));
  const times = await runBurst(backend, prompts, { answerTokens: 20, signal: new AbortController().signal });
  expect(times.map((sequence) => sequence.length)).toEqual([20, 20, 20]);
  for (const sequence of times) expect(sequence).toEqual(sequence.toSorted((a, b) => a - b));
});

test("the prefill of a burst ends with the last first token", () => {
  const times = [
    [50, 150, 250],
    [100, 200, 300],
  ];
  const rates = ratesOf(times, { sequences: 2, promptTokens: 40, answerTokens: 3 });
  expect(rates).toEqual({ prefill: 800, decode: 20, all: (1000 * 86) / 300 });
});
