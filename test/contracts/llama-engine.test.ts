import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterAll, describe, expect, test } from "vitest";
import { failure } from "../../src/core/errors.ts";
import { defaultPlan, type ExecutionPlan } from "../../src/core/execution-plan.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openLlamaEngine } from "../../src/engine/llama/llama-engine.ts";
import { quantizeModel } from "../../src/engine/llama/quantize.ts";
import { readGgufHeader } from "../../src/model/gguf-header.ts";
import { splitGguf } from "../../src/model/testing.ts";
import { logitNoise } from "../models.ts";
import { engineContract } from "./engine-contract.ts";
import { anItem, EngineProbe, largestDifference } from "./engine-probe.ts";
import { realModels } from "./real-models.ts";

const tolerance = logitNoise;

const models = realModels();

function open(
  file: string,
  over: Partial<ExecutionPlan> = {},
  onProgress: (fraction: number) => void = () => {},
): Engine {
  return openLlamaEngine({ ...defaultPlan(file, 1), slots: 4, contextPerSlot: 256, ...over }, onProgress);
}

function abilities(file: string, over: Partial<ExecutionPlan> = {}): (number | boolean)[] {
  using engine = open(file, { slots: 1, ...over });
  const { window, trimInPlace, trimAfterRestore } = engine.info.capabilities;
  return [window, trimInPlace, trimAfterRestore];
}

engineContract("SmolLM2", () => open(models.smollm2), { tolerance });
engineContract("SmolLM2, unified KV", () => open(models.smollm2, { kvLayout: "unified" }), { tolerance });
engineContract("gemma 3, sliding window", () => open(models.gemma3, { contextPerSlot: 640 }), { tolerance });

describe("capabilities", () => {
  test("a model without a window can be trimmed, one with a window not, in place with swaFull", () => {
    expect(abilities(models.smollm2)).toEqual([0, true, true]);
    expect(abilities(models.gemma3)).toEqual([512, false, false]);
    expect(abilities(models.gemma3, { swaFull: true })).toEqual([512, true, false]);
  });

  test("once the window has moved on, a far trim is exact or refused, never silently wrong", () => {
    for (const swaFull of [false, true]) {
      using engine = open(models.gemma3, { slots: 3, contextPerSlot: 1280, swaFull });
      const probe = new EngineProbe(engine, tolerance);
      const tokens = probe.tokens(1200);
      probe.feed(0, tokens, 512);
      const saved = engine.save(0);
      engine.restore(1, saved);
      expect(engine.trim(1, 600)).toBe(false);
      expect(engine.held(1)).toBe(1200);
      const continued = probe.diverging(tokens, 1200);
      probe.expectSame(probe.feed(1, continued), probe.clean(continued));

      expect(engine.trim(0, 600)).toBe(swaFull);
      if (!swaFull) continue;
      const other = probe.diverging(tokens, 600);
      probe.expectSame(probe.feed(0, other), probe.clean(other));
    }
  });
});

describe("a running step", () => {
  test("is ended early by the abort flag of another thread", async () => {
    using engine = open(models.smollm2, { slots: 1, contextPerSlot: 2048 });
    const tokens = new EngineProbe(engine, tolerance).tokens(2048);
    const source = `const { parentPort, workerData } = require("node:worker_threads");
      parentPort.on("message", () => setTimeout(() => { workerData[0] = 1; }, 50));
      parentPort.postMessage("up");`;
    const worker = new Worker(source, { eval: true, workerData: engine.abortFlag });
    await once(worker, "message");
    worker.postMessage("now");
    expect(engine.step([anItem(0, tokens)]).status).toBe("aborted");
    await worker.terminate();
    expect(engine.held(0)).toBeLessThan(2048);
    engine.abortFlag[0] = 0;
    expect(engine.step([anItem(0, tokens, { from: engine.held(0), count: 1 })]).status).toBe("done");
  });

  test("does not keep another thread from tokenizing", async () => {
    using engine = open(models.smollm2, { slots: 1, contextPerSlot: 2048 });
    const tokens = new EngineProbe(engine, tolerance).tokens(1000);
    const text = "Tokenized while the other thread computes.";
    const counter = new Int32Array(new SharedArrayBuffer(4));
    const entry = new URL("./tokenize-worker.ts", import.meta.url).href;
    const source = `import("tsx/esm/api").then(({ tsImport }) => tsImport(${JSON.stringify(entry)}, ${JSON.stringify(entry)}))`;
    const workerData = { handle: engine.vocabularyHandle, text, counter };
    const worker = new Worker(source, { eval: true, workerData });
    await once(worker, "message");
    const before = Atomics.load(counter, 0);
    engine.step([anItem(0, tokens)]);
    const during = Atomics.load(counter, 0) - before;
    const answer = once(worker, "message");
    worker.postMessage("answer");
    const [ids] = (await answer) as [Int32Array];
    await worker.terminate();
    expect(during).toBeGreaterThan(0);
    expect([...ids]).toEqual([...engine.vocabulary.tokenize(text, { parseSpecial: true, addSpecial: true })]);
  });

  test("computes the same with any number of threads", () => {
    using engine = open(models.smollm2, { threads: 2, batchThreads: 2 });
    const probe = new EngineProbe(engine, tolerance);
    const tokens = probe.tokens(20);
    const both = probe.compute(tokens);
    engine.setThreads(1);
    probe.expectSame(probe.compute(tokens), both);
    engine.setThreads(2);
    probe.expectSame(probe.compute(tokens), both);
    expect(() => engine.setThreads(3)).toThrow(expect.objectContaining({ code: "engine_failed" }));
  });

  test("gives rows of a buffer that moves when a step asks for more rows", () => {
    using engine = open(models.smollm2);
    const probe = new EngineProbe(engine, tolerance);
    const tokens = probe.tokens(40);
    const few = engine
      .step([anItem(0, tokens)])
      .logits(0)
      .slice();
    const output = engine.step([anItem(1, tokens, { outputs: "all" })]);
    probe.expectSame(output.logits(0), few);
    expect(largestDifference(output.logits(0, 20), few)).toBeGreaterThan(tolerance);
  });
});

describe("loading", () => {
  test("the CPU variant was probed, is used, and is remembered", () => {
    using engine = open(models.smollm2, { slots: 1 });
    const verdicts = JSON.parse(readFileSync(join(models.home, "cpu-variants.json"), "utf8")) as Record<string, string>;
    expect(Object.values(verdicts)).toEqual([engine.info.cpuVariant]);
  });

  const folder = mkdtempSync(join(tmpdir(), "millrace-llama-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("reports progress up to 1 and ends when its listener throws", () => {
    const seen: number[] = [];
    open(models.smollm2, { slots: 1 }, (fraction) => seen.push(fraction))[Symbol.dispose]();
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    const stopped = failure("engine_failed", { problem: "stop here" });
    const listener = () => {
      throw stopped;
    };
    expect(() => open(models.smollm2, {}, listener)).toThrow(stopped);
  });

  test("refuses a file that is cut off, missing or something else", () => {
    const cut = join(folder, "cut.gguf");
    copyFileSync(models.smollm2, cut);
    truncateSync(cut, 20_000_000);
    for (const file of [cut, join(folder, "missing.gguf"), import.meta.filename]) {
      expect(() => open(file)).toThrow(expect.objectContaining({ code: "invalid_model_file" }));
    }
  });

  test("refuses a plan that the library or this machine cannot run", () => {
    const wrong: [Partial<ExecutionPlan>, code: string][] = [
      [{ flashAttention: "off", kvTypeV: "q4_0" }, "engine_failed"],
      [{ device: "Warp9" }, "engine_failed"],
      [{ cpuVariant: "z80" }, "unsupported_library"],
      [{ task: "embed" }, "engine_failed"],
    ];
    for (const [over, code] of wrong)
      expect(() => open(models.smollm2, over)).toThrow(expect.objectContaining({ code }));
  });

  test("with other KV types, by reading, and pinned to a CPU it computes the same model", () => {
    const over = { kvTypeK: "q8_0", kvTypeV: "q8_0", flashAttention: "on", loadMode: "read" } as const;
    using engine = open(models.smollm2, { ...over, cpuMask: [0] });
    using plain = open(models.smollm2);
    const probe = new EngineProbe(plain, tolerance);
    const tokens = probe.tokens(60);
    probe.expectSame(new EngineProbe(engine, tolerance).feed(0, tokens), probe.feed(0, tokens));
  });

  test("a quantized copy is smaller, complete, and answers", () => {
    const output = join(folder, "q4_0.gguf");
    const { before, after } = quantizeModel({ source: models.smollm2, output, type: "q4_0", threads: 2 });
    expect(after).toBeLessThan(before);
    using engine = open(output);
    const ids = engine.vocabulary.tokenize("The capital of France is", { parseSpecial: false, addSpecial: true });
    const logits = engine.step([anItem(0, ids)]).logits(0);
    const [paris] = engine.vocabulary.tokenize(" Paris", { parseSpecial: false, addSpecial: false });
    const better = logits.filter((logit) => logit > logits[paris!]!);
    expect(better.length).toBeLessThan(10);

    const bad = { source: import.meta.filename, output: join(folder, "never.gguf"), type: "q8_0", threads: 1 } as const;
    expect(() => quantizeModel(bad)).toThrow(expect.objectContaining({ code: "invalid_model_file" }));
    expect(readdirSync(folder).toSorted()).toEqual(["cut.gguf", "q4_0.gguf"]);
  });
});

test("a split model computes what the whole one does", async () => {
  const parts = await splitGguf(readFileSync(models.smollm2), 3);
  const paths = parts.map((_, i) => join(models.home, `model-0000${i + 1}-of-00003.gguf`));
  for (const [i, bytes] of parts.entries()) writeFileSync(paths[i]!, bytes);
  expect((await readGgufHeader(paths[0]!)).parameters).toBe((await readGgufHeader(models.smollm2)).parameters);
  const batch = [
    { slot: 0, tokens: Int32Array.from([1, 100, 2000, 300]), from: 0, count: 4, outputs: "last" },
  ] as const;
  const [whole, split] = [models.smollm2, paths[0]!].map((file) => {
    using engine = open(file, { slots: 1 });
    return Float32Array.from(engine.step(batch).logits(0));
  });
  expect(split).toEqual(whole);
});
