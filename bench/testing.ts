import type { LoadSample } from "../src/bench/load-result.ts";
import type { MeasuredRow } from "./results.ts";

export const aSample = (over: Partial<LoadSample> = {}): LoadSample => ({
  startedAt: 0,
  chunksAt: [100, 110, 140],
  e2e: 140,
  promptTokens: 20,
  cachedTokens: 5,
  completionTokens: 3,
  problem: undefined,
  ...over,
});

export const aRow = (over: Partial<MeasuredRow> = {}): MeasuredRow => ({
  number: 1,
  title: "some clients",
  facts: { cpu: "some", seed: 1 },
  shown: ["p50_ttft_ms"],
  variants: {
    millrace: [{ metrics: { p50_ttft_ms: 100.25 }, loads: { clients: [aSample()] } }],
    bound: [{ metrics: { output_throughput: 300 } }],
  },
  requirements: [{ of: "tokens/s", values: [0.95], unit: "of the bound", target: { atLeast: 0.9 } }],
  ...over,
});
