import { expect, test } from "vitest";
import { loadConfig } from "../config/load-config.ts";
import { minilm, smollm2 } from "../model/real-headers/testing.ts";
import { loadFor } from "./load-for.ts";
import { planFor } from "./plan-for.ts";

const config = loadConfig({}, {}).config;
const pooled = { ...config, pooling: "mean" } as const;

test("a model generates; an encoder embeds, and so does whatever is told how to pool", () => {
  expect(planFor(config, "m.gguf", smollm2).task).toBe("generate");
  expect(planFor(config, "m.gguf", minilm)).toMatchObject({ task: "embed", pooling: "model" });
  expect(planFor(pooled, "m.gguf", smollm2)).toMatchObject({ task: "embed", pooling: "mean" });
  expect(planFor(config, "fake", undefined).task).toBe("generate");
  expect(planFor(pooled, "fake", undefined).task).toBe("embed");
});

test("the longest text is one pass, and nothing of texts is kept", () => {
  expect(planFor(config, "m.gguf", minilm).microBatch).toBe(512);
  const long = { ...config, context: 4096 };
  expect(planFor(long, "m.gguf", { ...minilm, contextLength: 8192 })).toMatchObject({ microBatch: 4096, batch: 4096 });
  expect(loadFor(config, "m.gguf", minilm).cacheMemory).toBe(0);
  expect(loadFor(config, "m.gguf", smollm2).cacheMemory).toBeGreaterThan(0);
});
