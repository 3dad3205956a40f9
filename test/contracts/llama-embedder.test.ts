import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { defaultPlan, type ExecutionPlan } from "../../src/core/execution-plan.ts";
import type { Embedder } from "../../src/engine/embedder.ts";
import { openLlamaEmbedder } from "../../src/engine/llama/llama-embedder.ts";
import { openLlamaEngine } from "../../src/engine/llama/llama-engine.ts";
import { silenceNativeLog } from "../../src/engine/llama/native-log.ts";
import { testModel } from "../models.ts";
import { cosine } from "./cosine.ts";
import { embedderContract } from "./embedder-contract.ts";

const home = mkdtempSync(join(tmpdir(), "millrace-home-"));
const models = { minilm: "", smollm2: "" };
beforeAll(async () => {
  vi.stubEnv("MILLRACE_HOME", home);
  silenceNativeLog();
  models.minilm = await testModel("minilm");
  models.smollm2 = await testModel("smollm2");
}, 300_000);
afterAll(() => rmSync(home, { recursive: true }));

function open(file: string, over: Partial<ExecutionPlan> = {}): Embedder {
  return openLlamaEmbedder({ ...defaultPlan(file, 2), task: "embed", ...over }, () => {});
}

function vectorsOf(embedder: Embedder, texts: readonly string[]): readonly Float32Array[] {
  const options = { parseSpecial: false, addSpecial: true };
  return embedder.embed(texts.map((text) => embedder.vocabulary.tokenize(text, options)))!;
}

embedderContract("all-MiniLM-L6-v2", () => open(models.minilm), { noise: 1e-5 });
embedderContract("SmolLM2, told to pool", () => open(models.smollm2, { pooling: "last" }), { noise: 2e-3 }); // Q4_1

describe("all-MiniLM-L6-v2", () => {
  test("has the cosines that its makers publish", () => {
    using embedder = open(models.minilm);
    // https://sbert.net/docs/sentence_transformer/usage/usage.html, computed there in F32.
    const [lovely, sunny, stadium] = vectorsOf(embedder, [
      "The weather is lovely today.",
      "It's so sunny outside!",
      "He drove to the stadium.",
    ]);
    const pairs = [cosine(lovely!, sunny!), cosine(sunny!, stadium!), cosine(lovely!, stadium!)];
    expect(pairs).toEqual(pairs.toSorted((a, b) => b - a));
    for (const [i, published] of [0.666, 0.1411, 0.1046].entries()) expect(pairs[i]).toBeCloseTo(published, 3);
  });

  test("has the tokens of its own tokenizer, and takes no text for a special token", () => {
    using embedder = open(models.minilm);
    const tokens = (text: string) => [...embedder.vocabulary.tokenize(text, { parseSpecial: false, addSpecial: true })];
    // Hugging Face's tokenizers 0.19 with the tokenizer.json of the package.
    expect(tokens("The weather is lovely today.")).toEqual([101, 1996, 4633, 2003, 8403, 2651, 1012, 102]);
    expect(tokens("")).toEqual([101, 102]);
    expect(tokens("[SEP]").filter((token) => token === 102)).toHaveLength(1);
  });

  test("is an encoder: it sees a text as a whole and generates nothing", () => {
    using embedder = open(models.minilm);
    expect(embedder.info).toMatchObject({ dimensions: 384, contextPerSlot: 512 });
    const generate = () => openLlamaEngine(defaultPlan(models.minilm, 1), () => {});
    expect(generate).toThrow(expect.objectContaining({ code: "invalid_model_file" }));
    expect(generate).toThrow("is an encoder: it cannot generate");
  });
});

describe("a model that generates", () => {
  test("makes no vectors unless it is told how to pool", () => {
    expect(() => open(models.smollm2)).toThrow(/this model's file does not say how .* choose a pooling/);
    expect(() => open(models.smollm2, { task: "generate" })).toThrow("a plan to generate makes no vectors");
  });

  test("keeps nothing of one call for the next", () => {
    using embedder = open(models.smollm2, { pooling: "last" });
    const texts = ["one and two", "three"];
    const first = vectorsOf(embedder, texts);
    for (let i = 0; i < 40; i++) vectorsOf(embedder, texts);
    expect(vectorsOf(embedder, texts)).toEqual(first);
  });
});
