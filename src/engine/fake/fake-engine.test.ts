import { spawnSync } from "node:child_process";
import { Worker } from "node:worker_threads";
import { Template } from "@huggingface/jinja";
import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultPlan, type ExecutionPlan } from "../../core/execution-plan.ts";
import type { BatchItem, Engine } from "../engine.ts";
import { openFakeEngine } from "./fake-engine.ts";

function anEngine(options: string | Record<string, string> = "", over: Partial<ExecutionPlan> = {}): Engine {
  const plan = { ...defaultPlan("fake", 2), slots: 4, contextPerSlot: 512, batch: 256, outputs: 8, ...over };
  return openFakeEngine(plan, new URLSearchParams(options).toString());
}

function tokensOf(engine: Engine, text: string): Int32Array {
  return engine.vocabulary.tokenize(text, { parseSpecial: true, addSpecial: false });
}

const item = (tokens: Int32Array, over: Partial<BatchItem> = {}): BatchItem => ({
  slot: 0,
  tokens,
  from: 0,
  count: tokens.length - (over.from ?? 0),
  outputs: "last",
  ...over,
});

const top = (logits: Float32Array): number => logits.indexOf(Math.max(...logits));

/** The greedy answer's tokens, with the end of generation left out. */
function answer(engine: Engine, prompt: string, { slot = 0, most = 400 } = {}): number[] {
  const ids = [...tokensOf(engine, prompt)];
  const start = ids.length;
  engine.trim(slot, 0);
  while (ids.length < start + most) {
    const tokens = Int32Array.from(ids);
    const next = top(engine.step([item(tokens, { slot, from: engine.held(slot) })]).logits(0));
    if (engine.vocabulary.endsGeneration(next)) break;
    ids.push(next);
  }
  return ids.slice(start);
}

function textOf(engine: Engine, ids: readonly number[]): string {
  const bytes = Buffer.concat(ids.map((id) => engine.vocabulary.piece(id)));
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

const chat = (question: string): string => `<|bos|><|user|>\n${question}<|end|>\n<|assistant|>\n`;

test("it says sentences of words, other ones for another question and another seed, and comes to an end", () => {
  const engine = anEngine();
  const answers = Array.from({ length: 60 }, (_, i) => answer(engine, chat(`question ${i}`)));
  const texts = answers.map((ids) => textOf(engine, ids));
  for (const text of texts) expect(text).toMatch(/^[A-Z][a-zé ï🌊🐻]*( [a-zA-Zé ï🌊🐻]+|\.)*\.$/u);
  expect(new Set(texts).size).toBe(60);
  const lengths = answers.map((ids) => ids.length).toSorted((a, b) => a - b);
  expect(lengths[30]).toBeGreaterThan(15);
  expect(lengths[30]).toBeLessThan(100);
  expect(lengths.at(-1)).toBeLessThan(400);
  expect(texts.join("")).toMatch(/🌊|🐻/u);
  expect(texts.join("")).toMatch(/é|ï/u);
  expect(textOf(engine, answer(anEngine("seed=2"), chat("question 0")))).not.toBe(texts[0]);
});

test("likely tokens, not only the likeliest, are words", () => {
  const engine = anEngine();
  const logits = engine.step([item(tokensOf(engine, `${chat("hello")}The river`))]).logits(0);
  const likely = [...logits.keys()].filter((id) => logits[id]! > Math.max(...logits) - 8);
  expect(likely.length).toBeGreaterThan(100);
  expect(textOf(engine, likely)).toMatch(/^( [a-z]+)+$/);
});

test("a script is followed to its last byte, then the answer ends", () => {
  const script = { hello: "Hi there! 👋 How are you?", 'say "é"': "é\n\n" };
  const engine = anEngine({ script: JSON.stringify(script) });
  expect(textOf(engine, answer(engine, chat("Oh, hello you")))).toBe(script.hello);
  expect(textOf(engine, answer(engine, chat('Please say "é"')))).toBe("é\n\n");
  expect(textOf(engine, answer(engine, "once I said hello"))).toBe(script.hello);
  // Only the last question counts, and other questions get other answers.
  const twice = `${chat("hello")}Fine.<|end|>\n<|user|>\nWhat?<|end|>\n<|assistant|>\n`;
  expect(textOf(engine, answer(engine, twice))).not.toContain("Hi");
  expect(textOf(engine, answer(engine, chat("Good day")))).not.toContain("Hi");
});

test("any text can be a script", () => {
  const notEmpty = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(notEmpty, fc.string({ unit: "grapheme", maxLength: 30 }), (asked, told) => {
      const engine = anEngine({ script: `{${JSON.stringify(asked)}:${JSON.stringify(told)}}` });
      expect(textOf(engine, answer(engine, chat(asked)))).toBe(told);
    }),
    { numRuns: 50 },
  );
});

test("a script may ask for any text", () => {
  const engine = anEngine({ script: '{"__proto__":"Hi"}' });
  expect(textOf(engine, answer(engine, chat("__proto__")))).toBe("Hi");
});

test("at temperature 1 a script is followed nearly always", () => {
  const engine = anEngine({ script: JSON.stringify({ hello: "Hi" }) });
  const logits = engine.step([item(tokensOf(engine, chat("hello")))]).logits(0);
  const highest = Math.max(...logits);
  const rest = logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0) - 1;
  expect(rest).toBeLessThan(1e-6);
});

test("its chat template renders what it understands and refuses unknown roles", () => {
  const { vocabulary } = anEngine();
  const template = new Template(vocabulary.chatTemplate!);
  const render = (role: string) =>
    template.render({
      messages: [
        { role: "system", content: " Be kind. " },
        { role, content: "hello" },
      ],
      bos_token: "<|bos|>",
      add_generation_prompt: true,
    });
  expect(render("user")).toBe("<|bos|><|system|>\n Be kind. <|end|>\n<|user|>\nhello<|end|>\n<|assistant|>\n");
  expect(() => render("wizard")).toThrow("role 'wizard' is not one of system, user, assistant");
  expect(anEngine("chat=0").vocabulary.chatTemplate).toBeUndefined();
});

test("logits of an earlier step are poison", () => {
  const engine = anEngine();
  const tokens = tokensOf(engine, "The river runs");
  const output = engine.step([item(tokens, { count: 1 })]);
  const stale = output.logits(0);
  engine.step([item(tokens, { from: 1, outputs: "none" })]);
  expect(stale.every((value) => Number.isNaN(value))).toBe(true);
  expect(() => output.logits(0)).toThrow("valid until the next step");
});

test("the caller's mistakes are errors that say what is wrong", () => {
  const engine = anEngine("", { batch: 20 });
  const tokens = new Int32Array(64).fill(300);
  engine.step([item(tokens, { count: 10 })]);
  const mistakes: [batch: BatchItem[], problem: string][] = [
    [[], "the batch is empty"],
    [[item(tokens, { from: 9, count: 1 })], "item 0 (slot 0): it begins at 9, and the slot holds 10 tokens"],
    [[item(tokens, { slot: 1, count: 21 })], "the batch has 21 tokens; the plan allows 20"],
    [[item(tokens, { slot: 1, count: 9, outputs: "all" })], "the batch asks for 9 outputs; the plan allows 8"],
    [[item(tokens, { slot: 4, count: 1 })], "item 0 (slot 4): slots are 0..3"],
    [[item(tokens, { slot: 1, count: 0 })], "item 0 (slot 1): its count is 0"],
    [[1, 1].map((slot) => item(tokens, { slot, count: 1 })), "the batch names a slot twice"],
    [[item(Int32Array.of(1), { slot: 1, count: 2 })], "item 0 (slot 1): it reads up to 2 of 1 tokens"],
    [[item(Int32Array.of(-1), { slot: 1 })], `item 0 (slot 1): token -1 is not in 0..${engine.vocabulary.size - 1}`],
  ];
  for (const [batch, problem] of mistakes) expect(() => engine.step(batch)).toThrow(problem);
  expect(() => engine.trim(0, 11)).toThrow("cannot trim to 11: the slot holds 10 tokens");
  expect(() => engine.copy(0, 1, 11)).toThrow("cannot copy 11 tokens: the slot holds 10");
  expect(() => engine.copy(0, 0, 5)).toThrow("slot 0 cannot be copied to itself");
  expect(() => engine.restore(0, { length: 3, bytes: new Uint8Array(8) })).toThrow("was not saved by this engine");
  expect(() => engine.held(4)).toThrow("slots are 0..3, not 4");
  expect(() => engine.setThreads(3)).toThrow("threads are 1..2, not 3");
});

test("a sliding window forgets what lies before it, and cannot bring it back", () => {
  const engine = anEngine("window=16");
  const late = tokensOf(engine, " the river".repeat(8));
  const logitsAfter = (start: string, count: number) => {
    engine.trim(0, 0);
    const tokens = Int32Array.of(...tokensOf(engine, start), ...late);
    return engine
      .step([item(tokens, { count })])
      .logits(0)
      .slice();
  };
  expect(logitsAfter(" big", 16)).not.toEqual(logitsAfter(" old", 16));
  expect(logitsAfter(" big", 17)).toEqual(logitsAfter(" old", 17));
  expect([16, 17].map((length) => engine.copy(0, 1, length))).toEqual([false, true]);
  expect([16, 17].map((length) => engine.trim(0, length))).toEqual([false, true]);
});

test("a step takes at least what its tokens cost", () => {
  const engine = anEngine("stepMs=10&prefillUsPerToken=1000&decodeUsPerSequence=5000");
  const tokens = new Int32Array(16).fill(300);
  const start = performance.now();
  engine.step([item(tokens, { count: 11 }), item(tokens, { slot: 1, count: 1 })]);
  expect(performance.now() - start).toBeGreaterThanOrEqual(10 + 10 * 1 + 2 * 5);
});

/** Sets the first byte of `flag` after `ms`, on another thread: this one is blocked. */
function raiseLater(flag: Uint8Array, ms: number): Worker {
  const source = `const { workerData: { flag, ms } } = require("node:worker_threads");
    setTimeout(() => Atomics.store(flag, 0, 1), ms);`;
  return new Worker(source, { eval: true, workerData: { flag, ms } });
}

test.each(["stallAtStep=1", "stepMs=60000"])("a step with %s ends through the abort flag", async (options) => {
  const engine = anEngine(options);
  const worker = raiseLater(engine.abortFlag, 20);
  const tokens = new Int32Array(100).fill(300);
  expect(engine.step([item(tokens)]).status).toBe("aborted");
  expect(engine.held(0)).toBeLessThan(100);
  await worker.terminate();
});

test("a step that finds no room computes nothing, and the next one goes on", () => {
  const engine = anEngine("noRoomAtStep=2");
  const tokens = tokensOf(engine, "The river runs to the sea.");
  engine.step([item(tokens, { count: 2 })]);
  expect(engine.step([item(tokens, { from: 2 })]).status).toBe("no-room");
  expect(engine.held(0)).toBe(2);
  expect(engine.step([item(tokens, { from: 2 })]).status).toBe("done");
});

test("loading can be slow, and can fail", () => {
  const seen: number[] = [];
  const plan = defaultPlan("fake-model", 1);
  const start = performance.now();
  openFakeEngine(plan, "loadMs=30", (fraction) => seen.push(fraction));
  expect(performance.now() - start).toBeGreaterThanOrEqual(30);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect([seen[0], seen.at(-1)]).toEqual([0, 1]);
  expect(() => openFakeEngine(plan, "loadFails=1")).toThrow(expect.objectContaining({ code: "invalid_model_file" }));
});

test.each([
  ["kill", "SIGKILL"],
  ["abort", "SIGABRT"],
  ["segv", "SIGSEGV"],
])("crash=%s ends the process by %s", (crash, signal) => {
  const script = `
    import { openFakeEngine } from ${JSON.stringify(new URL("fake-engine.ts", import.meta.url).href)};
    const plan = ${JSON.stringify({ ...defaultPlan("fake", 1), slots: 1 })};
    const engine = openFakeEngine(plan, "crashAtStep=2&crash=${crash}");
    const tokens = Int32Array.of(300, 301);
    engine.step([{ slot: 0, tokens, from: 0, count: 1, outputs: "last" }]);
    console.log("first");
    engine.step([{ slot: 0, tokens, from: 1, count: 1, outputs: "last" }]);
    console.log("second");`;
  const child = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect(child.stdout).toBe("first\n");
  expect(child.stderr).toContain("fake engine: crashes at step 2, as told");
  expect(child.signal).toBe(signal);
});
