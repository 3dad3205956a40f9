import { Worker } from "node:worker_threads";
import { expect, test, vi } from "vitest";
import type { EmbeddingRequest } from "../core/embedding.ts";
import type { GenerationRequest } from "../core/generation.ts";
import { idOf, TextJobs } from "./text-jobs.ts";

/** Answers with the text's length; "loop" never ends, "memory" needs all of it. */
const workerSource = `
  const { parentPort } = require("node:worker_threads");
  parentPort.on("message", ({ type, job }) => {
    if (type === "vocabulary") return parentPort.postMessage({ type: "started" });
    if (job.question !== undefined) return parentPort.postMessage({ type: "answered", reply: { text: job.question.text } });
    const { prompt, inputs = [prompt] } = job.request;
    const text = inputs[0].text ?? inputs[0].messages[0].content;
    if (text.trimEnd() === "loop") for (;;);
    const hoard = [];
    if (text === "memory") for (;;) hoard.push(new Array(1e5).fill(hoard.length));
    parentPort.postMessage({ type: "prepared", tokens: [Int32Array.of(text.length)] });
  });`;

function setUp() {
  const answers: string[] = [];
  const jobs = new TextJobs({
    limits: { templateMs: 1000, perCharacterMs: 0.01, trieMs: 0 },
    startWorker: () => new Worker(workerSource, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 32 } }),
    onTrie: () => {},
    onPrepared: ({ request }, tokens) => answers.push(`${request.id}: ${tokens.join(" ")}`),
    onAnswered: ({ id }, reply) => answers.push(`${id}: ${"text" in reply ? reply.text : ""}`),
    onFailed: (job, error) => answers.push(`${idOf(job)}: ${error.code}: ${error.message}`),
  });
  jobs.open({ kind: "fake", options: "" });
  const rest = { contextLength: 9, credit: 1, arrived: 0 };
  const add = (id: string, text: string, kind: "text" | "chat" | "embed" = "text"): void => {
    const prompt = kind === "chat" ? { kind, messages: [{ role: "user", content: text }] } : { kind: "text", text };
    if (kind === "embed") {
      const request = { id, inputs: [prompt] } as unknown as EmbeddingRequest;
      jobs.add({ type: "texts", request, dimensions: 3, again: false, ...rest });
    } else jobs.add({ type: "prompt", request: { id, prompt } as GenerationRequest, resume: undefined, ...rest });
  };
  return { jobs, add, answers, answered: (count: number) => vi.waitUntil(() => answers.length === count, 5000) };
}

test("jobs are answered in order", async () => {
  const { jobs, add, answers, answered } = setUp();
  add("a", "x");
  jobs.add({
    type: "ask",
    id: "q",
    question: { kind: "tokenize", text: "what?", addSpecial: false, parseSpecial: false },
  });
  add("b", "xx");
  await answered(3);
  add("c", "xxx");
  await answered(4);
  expect(answers).toEqual(["a: 1", "q: what?", "b: 2", "c: 3"]);
  await jobs.close();
});

test("an endless loop ends its own job, the others go on", async () => {
  const { jobs, add, answers, answered } = setUp();
  add("a", "x");
  add("b", "loop", "chat");
  add("c", "xxx");
  add("d", "loop".padEnd(50_000), "embed"); // it is told the time that it had
  await answered(4);
  expect(answers).toEqual([
    "a: 1",
    "b: template_timeout: the model's chat template did not end within 1 s",
    "c: 3",
    "d: tokenizing_failed: the text was not made tokens: it took longer than 1.5 s",
  ]);
  await jobs.close();
});

test("so does one that takes all memory", async () => {
  const { jobs, add, answers, answered } = setUp();
  add("a", "memory", "chat");
  add("b", "xx");
  add("c", "memory", "embed");
  await answered(3);
  expect(answers).toEqual([
    "a: template_failed: the model's chat template refused the messages: it needs too much memory",
    "b: 2",
    "c: tokenizing_failed: the text was not made tokens: it needs too much memory",
  ]);
  await jobs.close();
});

test("a dropped job is not answered, whether it runs or waits", async () => {
  const { jobs, add, answers, answered } = setUp();
  add("warm", "x");
  await answered(1);
  add("a", "loop");
  add("b", "xx");
  add("c", "xxx");
  expect(jobs.drop("a")).toBe(true);
  expect(jobs.drop("b")).toBe(true);
  expect(jobs.drop("a")).toBe(false);
  expect(jobs.drop("unknown")).toBe(false);
  await answered(2);
  expect(answers).toEqual(["warm: 1", "c: 3"]);
  await jobs.close();
});
