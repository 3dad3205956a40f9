import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultPlan } from "../src/core/execution-plan.ts";
import { openFakeVocabulary } from "../src/engine/fake/fake-engine.ts";
import { openEngine } from "../src/engine/open.ts";
import { serve, type Served } from "../src/http/testing.ts";
import { Inference } from "../src/inference/inference.ts";
import { LocalBackend } from "../src/inference/local-backend.ts";
import { someRequest } from "../src/inference/testing.ts";

let backend: LocalBackend;
let it: Served;
beforeAll(async () => {
  const plan = { ...defaultPlan("fake", 1), slots: 3, contextPerSlot: 1024 };
  backend = new LocalBackend(openEngine({ engine: "fake", plan }), "fake");
  it = await serve(backend);
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
});

interface Completion {
  readonly choices: readonly {
    readonly text: string;
    readonly finish_reason: string;
    readonly logprobs: Readonly<
      Record<"tokens" | "token_logprobs" | "top_logprobs" | "text_offset", readonly unknown[]>
    >;
  }[];
  readonly usage: Readonly<Record<string, number>>;
}

async function complete(over: object): Promise<Completion> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ temperature: 0, logprobs: 2, ...over });
  const answer = await fetch(`${it.url}/v1/completions`, { method: "POST", headers, body });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Completion;
}
const vocabulary = openFakeVocabulary("");
const tokensOf = (text: string) => Array.from(vocabulary.tokenize(text, { parseSpecial: false, addSpecial: false }));

test("a text that was generated is scored as it was when it came, however it is cut into steps", async () => {
  const before = "The mill stands by the river. ".repeat(30);
  const prompt = tokensOf(before);
  const answer = (await complete({ prompt, max_tokens: 150 })).choices[0]!;
  const said = tokensOf(answer.text);
  expect(said.length).toBeGreaterThan(10);
  const whole = [...prompt, ...said];
  for (const max_tokens of [0, 4]) {
    const { choices, usage } = await complete({ prompt: [whole, prompt], max_tokens, echo: true });
    const [scored, short] = choices;
    expect(usage).toMatchObject({ prompt_tokens: whole.length + prompt.length });
    expect(scored!.text.startsWith(before + answer.text)).toBe(true);
    const { tokens, token_logprobs: logprobs, top_logprobs: top, text_offset: offsets } = scored!.logprobs;
    expect(tokens.slice(0, prompt.length).join("")).toBe(before);
    expect(offsets[prompt.length]).toBe(before.length);
    expect([logprobs[0], top[0]]).toEqual([null, null]);
    const answered = [prompt.length, whole.length] as const;
    expect(logprobs.slice(...answered)).toEqual(answer.logprobs.token_logprobs.slice(0, said.length));
    expect(top.slice(...answered)).toEqual(answer.logprobs.top_logprobs.slice(0, said.length));
    expect(short!.logprobs.token_logprobs.slice(0, prompt.length)).toEqual(logprobs.slice(0, prompt.length));
  }
});

test("no tokens are an answer as well: the prompt is computed, and nothing is said", async () => {
  const { choices, usage } = await complete({ prompt: "The mill", max_tokens: 0 });
  expect(choices).toMatchObject([{ text: "", finish_reason: "length", logprobs: { tokens: [] } }]);
  expect(usage["completion_tokens"]).toBe(0);
  const { choices: echoed } = await complete({ prompt: "The mill", max_tokens: 0, echo: true, logprobs: undefined });
  expect(echoed).toMatchObject([{ text: "The mill", finish_reason: "length" }]);
});

test("tokens without a text are scored as well, also at the end", async () => {
  const { choices } = await complete({
    prompt: [[vocabulary.bosToken], [...tokensOf("Hi"), vocabulary.eosToken]],
    max_tokens: 0,
    echo: true,
  });
  expect(choices.map(({ logprobs }) => logprobs.token_logprobs.length)).toEqual([1, tokensOf("Hi").length + 1]);
  const prompt = tokensOf("The mill");
  const ended = await complete({
    prompt,
    max_tokens: 1,
    echo: true,
    logit_bias: { [String(vocabulary.eosToken)]: 100 },
  });
  expect(ended.choices[0]).toMatchObject({ text: "The mill", finish_reason: "stop" });
  expect(ended.choices[0]!.logprobs.token_logprobs).toHaveLength(prompt.length + 1);
});

test("an answer that goes on behind a prompt that was told has its tokens at their places", async () => {
  const plan = { ...defaultPlan("fake", 1), slots: 1, contextPerSlot: 256 };
  using engine = openEngine({ engine: "fake", plan });
  const promptTokens = Int32Array.from(tokensOf("The mill"));
  const stop = new AbortController();
  const begins: number[] = [];
  const inference = new Inference(engine, {
    onStep: (events) => {
      for (const said of events) {
        if (!("event" in said)) continue;
        if (said.event.type === "text-delta") begins.push(...(said.event.logprobs ?? []).map(({ begin }) => begin));
        if (said.event.type === "finished") stop.abort();
      }
    },
  });
  const request = someRequest({ logprobs: 0, maxTokens: 30, ignoreEos: true, scorePrompt: true });
  inference.submit({ request, promptTokens, waitedMs: 0, sent: Int32Array.from(tokensOf(" stands")) }, 100);
  await inference.run(stop.signal);
  expect(begins[0]).toBe("The mill stands".length);
});
