import { expect, test } from "vitest";
import { defaultPlan } from "../src/core/execution-plan.ts";
import type { GenerationRequest, Prompt } from "../src/core/generation.ts";
import type { Batch, Engine } from "../src/engine/engine.ts";
import { openEngine } from "../src/engine/open.ts";
import { generateChoices } from "../src/http/generate-choices.ts";
import { LocalBackend } from "../src/inference/local-backend.ts";
import { someRequest } from "../src/inference/testing.ts";

const never = new AbortController().signal;

/** The same engine, whose steps are told. */
function watched(engine: Engine, onStep: (batch: Batch) => void): Engine {
  return new Proxy(engine, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (name === "step") onStep(args[0] as Batch);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

const requestOf = (prompt: Prompt): GenerationRequest => someRequest({ prompt, maxTokens: 12, ignoreEos: true });

const text = "The mill stands by the river and grinds what the people bring to it. ";

test.each([
  { slots: 8, prefillTokens: 512, repeats: 10 },
  { slots: 8, prefillTokens: 64, repeats: 20 },
  { slots: 3, prefillTokens: 512, repeats: 10 }, // some of them begin when others have ended
])("eight answers to one prompt compute it once: %j", async ({ slots, prefillTokens, repeats }) => {
  const plan = { ...defaultPlan("fake", 1), slots, contextPerSlot: 1024, microBatch: prefillTokens };
  const prompt = { kind: "text", text: text.repeat(repeats) } as const;
  let promptLength = Infinity;
  let computed = 0;
  const engine = watched(openEngine({ engine: "fake", plan }), (batch) => {
    for (const { from, count, outputs } of batch) {
      // What fills up a step is one token without an output.
      if (count > 1 || outputs === "last") computed += Math.max(0, Math.min(from + count, promptLength) - from);
    }
  });
  promptLength = engine.vocabulary.tokenize(prompt.text, { parseSpecial: false, addSpecial: true }).length;
  await using backend = new LocalBackend(engine, "fake");
  const cached: number[] = [];
  const asked = { request: requestOf(prompt), prompts: [prompt], choices: 8 };
  for await (const { index, event } of generateChoices(backend, asked, never))
    if (event.type === "finished") cached[index] = event.usage.cachedTokens;
  expect(cached).toEqual([0, ...Array.from({ length: 7 }, () => promptLength - 1)]);
  expect(computed).toBe(promptLength + 7);
});

test("when their reader leaves, nothing more is computed", async () => {
  let steps = 0;
  const plan = { ...defaultPlan("fake", 1), slots: 2, contextPerSlot: 1024 };
  const engine = watched(openEngine({ engine: "fake", plan }), () => steps++);
  await using backend = new LocalBackend(engine, "fake");
  const prompt = { kind: "text", text } as const;
  const asked = { request: { ...requestOf(prompt), maxTokens: 900 }, prompts: [prompt, prompt], choices: 3 };
  const texts = new Set<number>();
  for await (const { index, event } of generateChoices(backend, asked, never))
    if (event.type === "text-delta" && texts.add(index).size === 4) break;
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  await turns();
  const before = steps;
  await turns();
  expect(steps).toBe(before);
});
