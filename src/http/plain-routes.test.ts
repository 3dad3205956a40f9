import { expect, test } from "vitest";
import { failure } from "../core/errors.ts";
import type { GenerationEvent } from "../core/generation.ts";
import { fails, says, startServer, type TestServer } from "./testing.ts";

const post = (url: string, payload: object) => ({ method: "POST", url, payload }) as const;

async function streamed({ url }: TestServer, path: string, body: object): Promise<string> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  expect(answer.headers.get("content-type")).toMatch(/^text\/event-stream/);
  return await answer.text();
}

const messages = [{ role: "user", content: "hi" }];

test("chat completions answer without /v1 as well, whole and as a stream", async () => {
  await using it = await startServer(says("Hel", "lo"));
  const whole = await it.server.inject(post("/chat/completions", { messages }));
  expect(whole.json()).toMatchObject({
    object: "chat.completion",
    created: expect.any(Number),
    choices: [{ message: { role: "assistant", content: "Hello" } }],
  });
  const stream = await streamed(it, "/chat/completions", { messages, stream: true });
  expect(stream).toMatch(/"content":"Hel"[^]*data: \[DONE\]\n\n$/);
});

test("/generate_stream says tokens, reason and usage", async () => {
  await using it = await startServer(says("Hel", "", "lo"));
  const answer = await streamed(it, "/generate_stream", { prompt: "hi", max_tokens: 9, temperature: 0 });
  const [first, second, last, done, rest] = answer.split("\n\n");
  expect([first, second, done, rest]).toEqual(['data: {"token":"Hel"}', 'data: {"token":"lo"}', "data: [DONE]", ""]);
  expect(JSON.parse(last!.slice(6))).toMatchObject({ finish_reason: "stop", usage: { completion_tokens: 3 } });
  expect(it.backend.requests[0]).toMatchObject({
    prompt: { kind: "text", text: "hi" },
    maxTokens: 9,
    sampling: { temperature: 0 },
  });
});

test("/generate_stream refuses what it has not, and tells of what goes wrong later as an event", async () => {
  await using it = await startServer(fails(failure("engine_failed", { problem: "it died" }), "Hel"));
  const refused = await it.server.inject(post("/generate_stream", { prompt: "hi", stream: true }));
  expect([refused.statusCode, refused.json<{ error: object }>().error]).toMatchObject([400, { param: "stream" }]);
  const broken = await streamed(it, "/generate_stream", { prompt: "hi" });
  expect(broken).toMatch(/^data: \{"token":"Hel"\}\n\ndata: \{"error":\{[^\n]*it died[^\n]*\n\n$/);
});

test("timings are told if they are asked for", async () => {
  await using it = await startServer(says("Hel", "lo"));
  const timings = {
    cache_n: 0,
    prompt_n: 3,
    prompt_ms: expect.any(Number),
    predicted_n: 2,
    predicted_ms: expect.any(Number),
    predicted_per_second: expect.any(Number),
  };
  for (const [url, body] of [
    ["/v1/chat/completions", { messages }],
    ["/v1/completions", { prompt: "hi" }],
  ] as const) {
    expect((await it.server.inject(post(url, body))).json()).not.toHaveProperty("timings");
    expect((await it.server.inject(post(url, { ...body, timings: true }))).json()).toMatchObject({ timings });
    const stream = await streamed(it, url, { ...body, timings: true, stream: true });
    const [done, last] = stream.trim().split("\n\n").toReversed();
    expect(done).toBe("data: [DONE]");
    expect(JSON.parse(last!.slice(6))).toMatchObject({ choices: [], timings });
  }
});

/** Of a model that reasons. */
async function* thinksFirst(): AsyncGenerator<GenerationEvent> {
  yield { type: "admitted", promptTokens: [1], reasoning: "open" };
  for (const text of ["It scat", "ters.</thi", "nk>\n\nBlue", "."]) yield { type: "text-delta", text, tokens: [7] };
  yield { type: "finished", reason: "stop", usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 4 } };
}

test("what is thought is told apart from a chat's answer, and left in a completion", async () => {
  await using it = await startServer(thinksFirst);
  const whole = await it.server.inject(post("/v1/chat/completions", { messages }));
  expect(whole.json()).toMatchObject({
    choices: [{ message: { content: "Blue.", reasoning_content: "It scatters." } }],
    usage: { completion_tokens: 4 },
  });
  const stream = await streamed(it, "/v1/chat/completions", { messages, stream: true });
  const deltas = [...stream.matchAll(/"delta":(\{[^}]*\})/g)].map(([, delta]) => JSON.parse(delta!) as object);
  expect(deltas).toEqual([
    { role: "assistant", content: "", refusal: null },
    { reasoning_content: "It scat" },
    { reasoning_content: "ters." },
    { content: "Blue" },
    { content: "." },
    {},
  ]);
  const completion = await it.server.inject(post("/v1/completions", { prompt: "hi" }));
  expect(completion.json()).toMatchObject({ choices: [{ text: "It scatters.</think>\n\nBlue." }] });
});

test("the answer names the tier that was asked for", async () => {
  await using it = await startServer();
  const tierOf = async (over: object) =>
    (await it.server.inject(post("/v1/chat/completions", { messages, ...over }))).json<{ service_tier?: string }>()
      .service_tier;
  expect([await tierOf({}), await tierOf({ service_tier: "auto" }), await tierOf({ service_tier: "flex" })]).toEqual([
    undefined,
    "default",
    "flex",
  ]);
});
