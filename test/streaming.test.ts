import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultPlan } from "../src/core/execution-plan.ts";
import { openEngine } from "../src/engine/open.ts";
import { serve, type Served } from "../src/http/testing.ts";
import { LocalBackend } from "../src/inference/local-backend.ts";

let backend: LocalBackend;
let it: Served;
beforeAll(async () => {
  const plan = { ...defaultPlan("fake", 1), slots: 3, contextPerSlot: 512 };
  backend = new LocalBackend(openEngine({ engine: "fake", plan }), "fake");
  it = await serve(backend);
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
});

interface Token {
  readonly token: string;
  readonly bytes: number[] | null;
}

/** A choice of either route, whole or a part of it. */
interface Choice {
  readonly index: number;
  readonly message?: { readonly content: string };
  readonly delta?: { readonly role?: string; readonly content?: string };
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
  roles: number;
  reasons: string[];
  logprobs: Record<string, unknown[]>;
}

async function post(route: string, body: object): Promise<string> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${it.url}${route}`, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
  return text;
}

/** The choices by index, their parts put together. */
function saidIn(answers: readonly Answer[]): Said[] {
  const said: Said[] = [];
  for (const { index, message, delta, text, finish_reason, logprobs } of answers.flatMap(({ choices }) => choices)) {
    const one = (said[index] ??= { text: "", roles: 0, reasons: [], logprobs: {} });
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
};
const question = fc.constantFrom("Tell me of the sea.", "What do bears say? ".repeat(8));
const chats = fc
  .record({ ...common, logprobs: fc.boolean(), top_logprobs: fc.nat(3), question })
  .map(({ question, logprobs, top_logprobs, ...body }) => ({
    route: "/v1/chat/completions",
    body: {
      ...body,
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
  })
  .map(({ echo, ...body }) => {
    const canEcho = body.logprobs === undefined && [body.prompt].flat().every((prompt) => typeof prompt === "string");
    return { route: "/v1/completions", body: { ...body, echo: echo && canEcho } };
  });

test("streaming equals non-streaming, with any number of prompts, choices, stop strings and logprobs", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(chats, completions), async ({ route, body }) => {
      const whole = JSON.parse(await post(route, body)) as Answer;
      const stream = await post(route, { ...body, stream: true, stream_options: { include_usage: true } });
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
    }),
    { numRuns: 60 },
  );
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
