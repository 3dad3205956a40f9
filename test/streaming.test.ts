import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultPlan } from "../src/core/execution-plan.ts";
import { openEngine } from "../src/engine/open.ts";
import type { TextQuestion } from "../src/core/text-question.ts";
import { aModel, FixedModels, serve, type Served } from "../src/http/testing.ts";
import { answerQuestion } from "../src/inference/answer-question.ts";
import { LocalBackend } from "../src/inference/local-backend.ts";

/** Thoughts that end, within a text and before blanks, and thoughts that do not: of what it is not told, it thinks on. */
const script = { sea: "It is</b> wide</think>\n\nThe 🌊 and the end. ", bears: "</think>é a bear" };
const thinking = `fake?thinks=1&script=${encodeURIComponent(JSON.stringify(script))}`;

const open: AsyncDisposable[] = [];
let it: Served;
let thinker: Served;
beforeAll(async () => {
  it = await serveEngine("fake");
  thinker = await serveEngine(thinking);
});
afterAll(async () => {
  for (const one of open.toReversed()) await one[Symbol.asyncDispose]();
});

async function serveEngine(engine: string): Promise<Served> {
  const plan = { ...defaultPlan("fake", 1), slots: 3, contextPerSlot: 512 };
  const opened = openEngine({ engine, plan });
  const backend = new LocalBackend(opened, "fake");
  const ask = async (question: TextQuestion) => answerQuestion(question, opened.vocabulary);
  const served = await serve(backend, { models: new FixedModels(aModel(backend, { ask })) });
  open.push(backend, served);
  return served;
}

interface Token {
  readonly token: string;
  readonly bytes: number[] | null;
}

/** A choice of either route, whole or a part of it. */
interface Choice {
  readonly index: number;
  readonly message?: { readonly content: string; readonly reasoning_content?: string };
  readonly delta?: { readonly role?: string; readonly content?: string; readonly reasoning_content?: string };
  readonly text?: string;
  readonly finish_reason: string | null;
  readonly logprobs: Record<string, unknown[] | null> | null;
}

interface Answer {
  readonly choices: readonly Choice[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
}

/** What both ways of asking must agree in. */
interface Said {
  text: string;
  thoughts: string;
  roles: number;
  reasons: string[];
  logprobs: Record<string, unknown[]>;
}

async function post(route: string, body: object, { url } = it): Promise<string> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}${route}`, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
  return text;
}

/** The choices by index, their parts put together. */
function saidIn(answers: readonly Answer[]): Said[] {
  const said: Said[] = [];
  for (const { index, message, delta, text, finish_reason, logprobs } of answers.flatMap(({ choices }) => choices)) {
    const one = (said[index] ??= { text: "", thoughts: "", roles: 0, reasons: [], logprobs: {} });
    one.thoughts += (message ?? delta)?.reasoning_content ?? "";
    one.text += message?.content ?? delta?.content ?? text ?? "";
    if (message !== undefined || delta?.role === "assistant") one.roles++;
    if (finish_reason !== null) one.reasons.push(finish_reason);
    // Of an answer without text the stream has no chunk that could have empty lists.
    for (const [name, list] of Object.entries(logprobs ?? {}))
      if (list !== null && list.length > 0) (one.logprobs[name] ??= []).push(...list);
  }
  return said;
}

function usageOf({ usage }: Answer): object {
  return { prompt: usage!.prompt_tokens, completion: usage!.completion_tokens };
}

const common = {
  n: fc.integer({ min: 1, max: 4 }),
  stop: fc.constantFrom(undefined, [" the"], ["e", ". "], ["🌊", "é", " a"]),
  temperature: fc.constantFrom(0, 1),
  seed: fc.nat(),
  max_tokens: fc.integer({ min: 1, max: 60 }),
  ignore_eos: fc.boolean(),
  kept: fc.constantFrom({}, {}, { guided_regex: "(the|a) [a-e]{2,12}[é🌊]{1,3}( a)?\\." }),
};
/** What an answer is kept to has its end. */
const keptTo = <T extends { kept: object; ignore_eos: boolean }>({ kept, ignore_eos, ...body }: T) => ({
  ...body,
  ...kept,
  ignore_eos: ignore_eos && Object.keys(kept).length === 0,
});
const schema = {
  type: "object",
  properties: { the: { type: "string", maxLength: 9 }, é: { enum: ["🌊", 1.5, null] } },
  required: ["é"],
};
const formats = [
  { response_format: { type: "json_object" } },
  { response_format: { type: "json_schema", json_schema: { name: "a", schema } } },
];
const question = fc.constantFrom("Tell me of the sea.", "What do bears say? ".repeat(8));
const chats = fc
  .record({
    ...common,
    kept: fc.oneof(common.kept, fc.constantFrom(...formats)),
    logprobs: fc.boolean(),
    top_logprobs: fc.nat(3),
    question,
  })
  .map(({ question, logprobs, top_logprobs, ...body }) => ({
    route: "/v1/chat/completions",
    body: {
      ...keptTo(body),
      messages: [{ role: "user", content: question }],
      ...(logprobs && { logprobs, top_logprobs }),
    },
  }));
const completions = fc
  .record({
    ...common,
    logprobs: fc.constantFrom(undefined, 0, 3),
    prompt: fc.oneof(question, fc.array(question, { minLength: 1, maxLength: 3 }), fc.constant([[300, 301], [302]])),
    echo: fc.boolean(),
    max_tokens: fc.oneof(common.max_tokens, fc.constant(0)),
  })
  .map((body) => ({ route: "/v1/completions", body: keptTo(body) }));

/** Asked of the model that thinks. */
const thoughts = chats.map((chat) => ({ ...chat, thinks: true as const }));

test("streaming equals non-streaming, with any prompts, choices, stop strings, logprobs, constraints and thoughts", async () => {
  let thought = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(chats, completions, thoughts), async ({ route, body, ...how }) => {
      const server = "thinks" in how ? thinker : it;
      const whole = JSON.parse(await post(route, body, server)) as Answer;
      const stream = await post(route, { ...body, stream: true, stream_options: { include_usage: true } }, server);
      const frames = stream.split("\n\n");
      expect(frames.splice(-2)).toEqual(["data: [DONE]", ""]);
      const chunks = frames.map((frame) => JSON.parse(frame.slice("data: ".length)) as Answer);
      const last = chunks.pop()!;
      const said = saidIn([whole]);
      expect(saidIn(chunks)).toEqual(said);
      expect(usageOf(last)).toEqual(usageOf(whole));
      const answers = body.n * ("prompt" in body && Array.isArray(body.prompt) ? body.prompt.length : 1);
      expect(said).toHaveLength(answers);
      for (const { reasons } of said) expect(reasons).toHaveLength(1);
      expect(whole.usage!.completion_tokens).toBeLessThanOrEqual(answers * body.max_tokens);
      thought += said.filter(({ thoughts }) => thoughts !== "").length;
    }),
    { numRuns: 100 },
  );
  expect(thought).toBeGreaterThan(0);
}, 60_000);

test("the bytes of a chat's tokens are its text; a stop string takes away whole tokens and the end of one", async () => {
  const logprobs = { logprobs: true, top_logprobs: 2 };
  await fc.assert(
    fc.asyncProperty(chats, async ({ route, body }) => {
      const { choices } = JSON.parse(await post(route, { ...body, ...logprobs })) as Answer;
      for (const { message, logprobs } of choices) {
        const bytes = (logprobs!["content"] as Token[]).map((token) => Buffer.from(token.bytes ?? []));
        const { content } = message!;
        const all = Buffer.concat(bytes).toString();
        if (body.stop === undefined) expect(all).toBe(content);
        else expect(all.startsWith(content)).toBe(true);
        // A token that begins behind the text does not belong to it.
        const before = Buffer.concat(bytes.slice(0, -1)).toString();
        if (content !== "" && !before.includes("\uFFFD")) expect(before.length).toBeLessThan(content.length);
      }
    }),
    { numRuns: 60 },
  );
}, 60_000);

test("choices and equal prompts draw different numbers, and the same when they are asked for again", async () => {
  const body = { prompt: "Once", n: 4, seed: 5, max_tokens: 20 };
  const texts = async () => saidIn([JSON.parse(await post("/v1/completions", body)) as Answer]).map(({ text }) => text);
  const first = await texts();
  expect(new Set(first).size).toBe(4);
  expect(await texts()).toEqual(first);
  const alone = JSON.parse(await post("/v1/completions", { ...body, n: 1 })) as Answer;
  expect(alone.choices[0]!.text).toBe(first[0]);
  const equalPrompts = { ...body, prompt: Array<string>(4).fill(body.prompt), n: 1 };
  const answers = JSON.parse(await post("/v1/completions", equalPrompts)) as Answer;
  expect(answers.choices.map(({ text }) => text)).toEqual(first);
});
