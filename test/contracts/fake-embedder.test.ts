import { expect, test } from "vitest";
import { defaultPlan, type ExecutionPlan } from "../../src/core/execution-plan.ts";
import { openEmbedder } from "../../src/engine/open.ts";
import { cosine } from "./cosine.ts";
import { embedderContract } from "./embedder-contract.ts";

const plan: ExecutionPlan = { ...defaultPlan("fake", 2), task: "embed", slots: 8 };
const open = (engine: string) => openEmbedder({ engine, plan });
/** But for the rounding of the cosine. */
const exact = { noise: 1e-6 };

embedderContract("fake", () => open("fake"), exact);
embedderContract("fake with another seed", () => open("fake?seed=7"), exact);

test("texts that share words are nearer to each other than others", () => {
  using embedder = open("fake");
  const texts = ["the old mill by the river", "the old mill by the bridge", "numbers for a book"];
  const [mill, bridge, book] = embedder.embed(
    texts.map((text) => embedder.vocabulary.tokenize(text, { parseSpecial: false, addSpecial: true })),
  )!;
  expect(cosine(mill!, bridge!)).toBeGreaterThan(cosine(mill!, book!) + 0.2);
});

test("another seed is another model", () => {
  using one = open("fake?seed=1");
  using other = open("fake?seed=2");
  const text = Int32Array.of(300, 301, 302);
  expect(cosine(one.embed([text])![0]!, other.embed([text])![0]!)).toBeLessThan(0.9);
});

test("it fails to load when it was told to", () => {
  expect(() => open("fake?loadFails=1")).toThrow(expect.objectContaining({ code: "invalid_model_file" }));
});
