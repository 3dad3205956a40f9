import { expect, test } from "vitest";
import { failure } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import type { TextQuestion } from "../core/text-question.ts";
import { aModel, eventually, FixedModels, keepsTalking, ScriptedBackend, serve, startServer } from "./testing.ts";

const body = { prompt: "hi", n: 3, timeout: 60 };
const ask = (url: string, over: object, signal?: AbortSignal) =>
  fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, ...over }),
    ...(signal !== undefined && { signal }),
  });

/** Says its number as often, one token each. The first of all found 2 tokens of its prompt, the others all but one. */
async function* counts({ choice }: GenerationRequest): AsyncGenerator<GenerationEvent> {
  yield { type: "admitted", promptTokens: [5, 6, 7] };
  for (let i = 0; i <= choice; i++) yield { type: "text-delta", text: `${choice}`, tokens: [choice] };
  const usage = { promptTokens: 3, cachedTokens: choice === 0 ? 1 : 2, completionTokens: choice + 1 };
  yield { type: "finished", reason: choice === 1 ? "length" : "stop", usage };
}

const usage = {
  prompt_tokens: 3,
  completion_tokens: 6,
  total_tokens: 9,
  prompt_tokens_details: { cached_tokens: 1 },
};

test("choices have the first one's tokens as prompt, ids and numbers of their own, and one usage", async () => {
  await using it = await startServer(counts);
  const answer = await ask(it.url, {});
  expect(await answer.json()).toMatchObject({
    choices: [
      { index: 0, text: "0", finish_reason: "stop" },
      { index: 1, text: "11", finish_reason: "length" },
      { index: 2, text: "222", finish_reason: "stop" },
    ],
    usage,
  });
  const id = answer.headers.get("x-request-id");
  const [first, ...others] = it.backend.requests;
  expect(first).toMatchObject({ id, choice: 0, prompt: { kind: "text", text: "hi" }, timeoutMs: 60_000 });
  expect(others.map(({ id, choice }) => [id, choice])).toEqual([
    [`${id}/1`, 1],
    [`${id}/2`, 2],
  ]);
  for (const { prompt, timeoutMs, arrived } of others) {
    expect(prompt).toEqual({ kind: "tokens", ids: [5, 6, 7] });
    expect([timeoutMs, arrived]).toEqual([60_000, first!.arrived]);
  }
  await eventually(() => it.log.length === 1);
  expect(it.log[0]).toMatchObject({ promptTokens: 3, completionTokens: 6 });
});

test("a stream says each choice's texts and end by its index, and one usage at last", async () => {
  await using it = await startServer(counts);
  const answer = await ask(it.url, { stream: true, stream_options: { include_usage: true } });
  const frames = (await answer.text()).split("\n\n").slice(0, -2);
  const chunks = frames.map((frame) => JSON.parse(frame.slice(6)) as Chunk);
  expect(chunks.pop()).toMatchObject({ choices: [], usage });
  const said = [0, 1, 2].map((index) => chunks.flatMap(({ choices }) => choices.filter((one) => one.index === index)));
  expect(said.map((choices) => choices.map(({ text }) => text).join(""))).toEqual(["0", "11", "222"]);
  expect(said.map((choices) => choices.at(-1)!.finish_reason)).toEqual(["stop", "length", "stop"]);
});

interface Chunk {
  choices: { index: number; text: string; finish_reason: string | null }[];
}

test.each([false, true])(
  "one that is refused, after others were admitted, refuses all (stream: %s)",
  async (stream) => {
    const refused = failure("queue_full", { waiting: 9, limit: 8, retryAfter: 3 });
    await using it = await startServer(async function* (request, signal) {
      if (request.choice === 2) throw refused;
      yield* keepsTalking("a", 5)(request, signal);
    });
    const answer = await ask(it.url, { stream });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "3"]);
    await eventually(() => it.backend.signals.every((signal) => signal.aborted));
  },
);

test("one that fails later ends all, with its error", async () => {
  await using it = await startServer(async function* (request, signal) {
    yield { type: "admitted", promptTokens: [5] };
    if (request.choice === 1) throw failure("engine_failed", { problem: "it died" });
    yield* keepsTalking("a", 5)(request, signal);
  });
  expect(await (await ask(it.url, { stream: true })).text()).toContain("it died");
  await eventually(() => it.backend.signals.every((signal) => signal.aborted));
});

test("a client that leaves ends all", async () => {
  await using it = await startServer(keepsTalking("a", 5));
  const leave = new AbortController();
  const answer = await ask(it.url, { stream: true }, leave.signal);
  await answer.body!.getReader().read();
  leave.abort();
  await eventually(() => it.backend.signals.length === 3 && it.backend.signals.every((signal) => signal.aborted));
});

test("prompts are answered one by one, the answers to the first one first; usage counts each prompt once", async () => {
  await using it = await startServer(counts);
  const answer = await ask(it.url, { prompt: ["a", "b"], n: 2, echo: true });
  expect(await answer.json()).toMatchObject({
    choices: ["a0", "a11", "b222", "b3333"].map((text, index) => ({ text, index })),
    usage: { prompt_tokens: 6, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 3 } },
  });
  const id = answer.headers.get("x-request-id");
  const asked = it.backend.requests.map(({ id, choice, prompt }) => [id, choice, prompt.kind]);
  expect(asked).toHaveLength(4);
  expect(asked).toEqual(
    expect.arrayContaining([
      [id, 0, "text"],
      [`${id}/1`, 1, "tokens"],
      [`${id}/2`, 2, "text"],
      [`${id}/3`, 3, "tokens"],
    ]),
  );
  await eventually(() => it.log.length === 1);
  expect(it.log[0]).toMatchObject({ promptTokens: 6, completionTokens: 10 });
});

test("prompts of token ids are echoed as the model reads them, once they were admitted", async () => {
  const backend = new ScriptedBackend(counts);
  const asked: object[] = [];
  const detokenize = async (question: TextQuestion) => {
    asked.push({ ...question, admitted: backend.requests.length });
    return { text: `${asked.length}:` };
  };
  await using it = await serve(backend, { models: new FixedModels(aModel(backend, { ask: detokenize })) });
  const over = { prompt: [[1, 2], [3]], n: 2, echo: true };
  const texts = ["1:0", "1:11", "2:222", "2:3333"];
  expect(await (await ask(it.url, over)).json()).toMatchObject({ choices: texts.map((text) => ({ text })) });
  expect(asked).toEqual([
    { kind: "detokenize", tokens: [1, 2], admitted: 4 },
    { kind: "detokenize", tokens: [3], admitted: 4 },
  ]);
  asked.length = 0;
  const stream = await (await ask(it.url, { ...over, stream: true })).text();
  for (const [index, text] of ["1:", "1:", "2:", "2:"].entries())
    expect(stream).toContain(`"choices":[{"text":"${text}","index":${index}`);
});

test.each([
  [{ n: 101 }, "n", "'n' is 101; accepted: up to 100 answers in all"],
  [
    { prompt: Array(34).fill("a") },
    "prompt",
    "'prompt' is an array of 34, with 3 answers to each; accepted: up to 100",
  ],
])("more answers than the server ever takes are no reason to come again: %j", async (over, param, words) => {
  await using it = await startServer(counts);
  const answer = await ask(it.url, over);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { param, message: expect.stringContaining(words) } });
  expect((await ask(it.url, { n: 100 })).status).toBe(200);
});
