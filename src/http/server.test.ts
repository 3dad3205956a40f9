import { expect, test } from "vitest";
import { failure } from "../core/errors.ts";
import { apiKey } from "../config/api-keys.ts";
import { aModel, eventually, fails, FixedModels, says, ScriptedBackend, startServer } from "./testing.ts";

const chat = { messages: [{ role: "user", content: "hi" }] };
const json = { "content-type": "application/json" };

interface ErrorAnswer {
  error: { message: string; type: string; param: string | null; code: string };
}

test("chat and completions answer as OpenAI, the model left out or named", async () => {
  await using it = await startServer();
  const ask = async (url: string, payload: object) => (await it.server.inject({ method: "POST", url, payload })).json();
  expect(await ask("/v1/chat/completions", chat)).toMatchObject({
    object: "chat.completion",
    model: "scripted",
    choices: [{ index: 0, message: { role: "assistant", content: "Hello, world" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
  });
  expect(await ask("/v1/completions", { prompt: "hi", model: "scripted" })).toMatchObject({
    object: "text_completion",
    choices: [{ index: 0, text: "Hello, world", finish_reason: "stop", logprobs: null }],
  });
});

test("the request's id is in header, answer, backend and log", async () => {
  await using it = await startServer();
  const body = JSON.stringify(chat);
  const answer = await fetch(`${it.url}/v1/chat/completions?a=b`, { method: "POST", headers: json, body });
  const id = answer.headers.get("x-request-id")!;
  expect(id).toMatch(/^req-[0-9a-f]{24}$/);
  expect(await answer.json()).toMatchObject({ id: `chatcmpl-${id.slice(4)}` });
  expect(it.backend.requests[0]!.id).toBe(id);
  await eventually(() => it.log.length === 1);
  expect(it.log).toMatchObject([
    {
      level: "info",
      msg: "request",
      request: id,
      method: "POST",
      path: "/v1/chat/completions",
      status: 200,
      promptTokens: 3,
      completionTokens: 3,
      finish: "stop",
      ms: expect.any(Number),
      firstTokenMs: expect.any(Number),
    },
  ]);
});

const deep = (open: string, close: string) => open.repeat(200_000) + close.repeat(200_000);
const user = (content: string) => `{"messages":[{"role":"user","content":${content}}]`;

test.each([
  ["no body", undefined, 400, "missing_field", "body"],
  ["an empty body", "", 400, "invalid_json", null],
  ["half a body", '{"messages":', 400, "invalid_json", null],
  ["bytes that are not UTF-8", Buffer.from([0x22, 0xff, 0x22]), 400, "invalid_json", null],
  ["half of a surrogate pair", user('"\\ud83d"') + "}", 400, "invalid_json", null],
  ["halves in the wrong order", user('"\\udc4b\\uD83D"') + "}", 400, "invalid_json", null],
  ["halves that are apart", user('"\\ud83d \\udc4b"') + "}", 400, "invalid_json", null],
  ["an array", "[]", 400, "invalid_value", "body"],
  ["200,000 arrays", deep("[", "]"), 400, "invalid_value", "body"],
  ["200,000 arrays, not closed", "[".repeat(200_000), 400, "invalid_json", null],
  ["200,000 arrays as messages", `{"messages":${deep("[", "]")}}`, 400, "invalid_value", "messages[0]"],
  [
    "200,000 objects as messages",
    `{"messages":${deep('{"a":', "}").replace(":}", ":1}")}}`,
    400,
    "invalid_value",
    "messages",
  ],
  ["200,000 arrays as content", `${user(deep("[", "]"))}}`, 400, "invalid_value", "messages[0].content[0]"],
  ["200,000 arrays as stop", `${user('"a"')},"stop":${deep("[", "]")}}`, 400, "invalid_value", "stop[0]"],
  ["200,000 arrays as tools", `${user('"a"')},"tools":${deep("[", "]")}}`, 400, "invalid_value", "tools[0]"],
  [
    "200,000 arrays in a tool",
    `${user('"a"')},"tools":[{"type":"function","function":{"name":"a","parameters":{"a":${deep("[", "]")}}}}]}`,
    400,
    "invalid_value",
    "tools[0].function.parameters",
  ],
  ["200,000 arrays in an unknown field", `${user('"a"')},"x":${deep("[", "]")}}`, 400, "unknown_field", "x"],
  ["a __proto__", `${user('"a"')},"__proto__":{"stream":true}}`, 400, "unknown_field", "__proto__"],
  ["another model", `${user('"a"')},"model":"gpt-9"}`, 404, "model_not_found", "model"],
  ["17 MB", `${user(`"${"a".repeat(17_000_000)}"`)}}`, 413, "payload_too_large", null],
])("%s as a body gets an error in OpenAI's shape", async (_name, payload, ...[status, code, param]) => {
  await using it = await startServer();
  const headers = payload === undefined ? {} : json;
  const answer = await it.server.inject({
    method: "POST",
    url: "/v1/chat/completions",
    headers,
    ...(payload !== undefined && { payload }),
  });
  const { error } = answer.json<ErrorAnswer>();
  expect([answer.statusCode, error.code, error.param]).toEqual([status, code, param]);
  expect(error.type).toBe("invalid_request_error");
  expect(error.message.length).toBeLessThan(400);
  expect(answer.headers["x-request-id"]).toMatch(/^req-/);
  const good = await it.server.inject({ method: "POST", url: "/v1/chat/completions", payload: chat });
  expect(good.statusCode).toBe(200);
});

test("whole surrogate pairs, and what only looks like half of one, are text", async () => {
  await using it = await startServer();
  const content = ["\\ud83d\\udc4b", "\\uD83D\\uDC4B\\n", "\\\\ud83d", "\\u0041\\\\\\ud83d\\udc4b", "\\ue000"];
  for (const one of content) {
    const payload = `${user(`"${one}"`)}}`;
    const answer = await it.server.inject({ method: "POST", url: "/v1/chat/completions", headers: json, payload });
    expect([one, answer.statusCode]).toEqual([one, 200]);
  }
});

test("a body of millions of wrong elements is one error, soon", async () => {
  await using it = await startServer();
  const begun = performance.now();
  for (const field of ["messages", "stop"]) {
    const payload = `{"${field}":[${"0,".repeat(5_000_000)}0]}`;
    const answer = await it.server.inject({ method: "POST", url: "/v1/chat/completions", headers: json, payload });
    expect(answer.statusCode).toBe(400);
  }
  expect(performance.now() - begun).toBeLessThan(10_000);
});

test.each([
  ["text/plain", 415],
  ["application/x-www-form-urlencoded", 415],
  ["nonsense", 415],
  ["application/json; charset=utf-8", 200],
])("content-type %s gets %i", async (type, status) => {
  await using it = await startServer();
  const answer = await it.server.inject({
    method: "POST",
    url: "/v1/chat/completions",
    headers: { "content-type": type },
    payload: JSON.stringify(chat),
  });
  expect(answer.statusCode).toBe(status);
  if (status === 415) expect(answer.json<ErrorAnswer>().error).toMatchObject({ code: "unsupported_media_type" });
});

test.each([
  ["GET", "/v1/chat/completions", 405, "method_not_allowed", "POST"],
  ["PUT", "/v1/completions", 405, "method_not_allowed", "POST"],
  ["OPTIONS", "/v1/completions", 405, "method_not_allowed", "POST"],
  ["DELETE", "/v1/models/scripted", 405, "method_not_allowed", "GET, HEAD"],
  ["POST", "/health", 405, "method_not_allowed", "GET, HEAD"],
  ["POST", "/v1/nothing", 404, "route_not_found", undefined],
  ["GET", "/page/", 404, "route_not_found", undefined],
  ["GET", "/v1/models/%", 404, "route_not_found", undefined],
  ["GET", "/v1/models/none", 404, "model_not_found", undefined],
] as const)("%s %s gets %i", async (method, url, ...[status, code, allow]) => {
  await using it = await startServer();
  const answer = await it.server.inject({ method, url });
  expect(answer.statusCode).toBe(status);
  expect(answer.json<ErrorAnswer>().error.code).toBe(code);
  expect(answer.headers["allow"]).toBe(allow);
  expect(answer.headers["x-request-id"]).toMatch(/^req-/);
});

test("whatever is sent to a route that does not exist, the answer is that it does not", async () => {
  await using it = await startServer();
  const bodies = [
    ["application/json", "{"],
    ["application/json", `"${"a".repeat(17_000_000)}"`],
    ["text/plain", "hi"],
  ] as const;
  for (const [type, payload] of bodies) {
    const headers = { "content-type": type };
    const answer = await it.server.inject({ method: "POST", url: "/v1/nothing?a=1", headers, payload });
    expect([answer.statusCode, answer.json<ErrorAnswer>().error]).toMatchObject([
      404,
      { code: "route_not_found", message: "there is no route POST /v1/nothing" },
    ]);
  }
});

test("models are listed, and retrieved by ids with slashes", async () => {
  const other = new ScriptedBackend(says("I am the other"), "some/other:q4");
  await using it = await startServer(undefined, {
    models: new FixedModels(aModel(new ScriptedBackend()), aModel(other, { onDemand: true })),
  });
  const list = await it.server.inject("/v1/models");
  expect(list.json()).toMatchObject({ object: "list", data: [{ id: "scripted" }, { id: "some/other:q4" }] });
  for (const path of ["some/other:q4", "some%2Fother%3Aq4"])
    expect((await it.server.inject(`/v1/models/${path}`)).json()).toEqual({
      id: "some/other:q4",
      object: "model",
      created: 1_700_000_000,
      owned_by: "millrace",
      context_length: 512,
    });
  const payload = { ...chat, model: "some/other:q4" };
  const answer = await it.server.inject({ method: "POST", url: "/v1/chat/completions", payload });
  expect(answer.json()).toMatchObject({
    model: "some/other:q4",
    choices: [{ message: { content: "I am the other" } }],
  });
});

test("health tells loading, ready and failed", async () => {
  await using it = await startServer();
  const health = async () => {
    const answer = await it.server.inject("/health");
    return [answer.statusCode, answer.json<object>()];
  };
  expect(await health()).toEqual([200, { status: "ok" }]);
  it.backend.currentStatus = { state: "loading", progress: 0.4167 };
  expect(await health()).toEqual([503, { status: "loading", progress: 0.42 }]);
  const error = failure("engine_unavailable", { problem: "it died" }).toBody();
  it.backend.currentStatus = { state: "failed", error };
  expect(await health()).toEqual([503, { status: "failed", error: expect.objectContaining({ code: error.code }) }]);
});

test("with keys, everything but health asks for one", async () => {
  await using it = await startServer(undefined, { apiKeys: [apiKey({ key: "first-key" }), apiKey({ key: "second" })] });
  const status = async (headers: Record<string, string>, url = "/v1/models") =>
    (await it.server.inject({ url, headers })).statusCode;
  expect(await status({ authorization: "Bearer second" })).toBe(200);
  expect(await status({ authorization: "bearer first-key" })).toBe(200);
  expect(await status({ "x-api-key": "first-key" })).toBe(200);
  expect(await status({ authorization: "Bearer of-a-proxy", "x-api-key": "second" })).toBe(200);
  expect(await status({})).toBe(401);
  expect(await status({ authorization: "Bearer second2" })).toBe(401);
  expect(await status({ authorization: "Basic second" })).toBe(401);
  expect(await status({ "x-api-key": "" })).toBe(401);
  expect(await status({}, "/nothing")).toBe(401);
  expect(await status({}, "/health")).toBe(200);
  const refused = await it.server.inject("/v1/models");
  expect(refused.headers["www-authenticate"]).toBe('Bearer realm="millrace"');
  const wrong = await it.server.inject({ url: "/v1/models", headers: { "x-api-key": "third" } });
  expect(wrong.headers["www-authenticate"]).toBe('Bearer realm="millrace", error="invalid_token"');
  expect(refused.json<ErrorAnswer>().error).toMatchObject({ type: "invalid_request_error", code: "invalid_api_key" });
});

test("an error before the first event has its status, also for a stream; 503 says when to try again", async () => {
  const loading = { progress: 0.421, etaSeconds: 2.26 };
  await using it = await startServer(fails(failure("model_loading", { model: "scripted", loading, retryAfter: 2.26 })));
  for (const stream of [true, false]) {
    const payload = { ...chat, stream };
    const answer = await it.server.inject({ method: "POST", url: "/v1/chat/completions", payload });
    expect([answer.statusCode, answer.headers["retry-after"]]).toEqual([503, "3"]);
    expect(answer.json<ErrorAnswer>().error).toMatchObject({
      code: "model_loading",
      message: "model 'scripted' is loading (42 %)",
      loading: { progress: 0.42, eta_seconds: 2.3 },
    });
  }
});

test("a bug is a 500 that tells the client nothing and the log everything", async () => {
  await using it = await startServer(fails(new TypeError("secret detail")));
  const answer = await it.server.inject({ method: "POST", url: "/v1/completions", payload: { prompt: "a" } });
  expect(answer.statusCode).toBe(500);
  expect(answer.body).not.toContain("secret");
  expect(it.log).toMatchObject([{ level: "error", error: "internal", err: { message: "secret detail" } }]);
});

test("a backend that ends without 'finished' is a fault, streaming or not", async () => {
  for (const stream of [true, false]) {
    await using it = await startServer(async function* () {});
    const payload = { prompt: "a", stream };
    expect((await it.server.inject({ method: "POST", url: "/v1/completions", payload })).statusCode).toBe(500);
  }
});

test("what the server says for requests that leave it out", async () => {
  const defaults = { temperature: 0.25, topK: 5, maxTokens: 7, stop: ["END"], system: "Be brief." };
  const [backend, other] = [new ScriptedBackend(), new ScriptedBackend(says("Hi"), "other")];
  const models = new FixedModels(aModel(backend, { defaults }), aModel(other, { defaults: { temperature: 2 } }));
  await using it = await startServer(undefined, { models });
  const ask = async (url: string, payload: object) => {
    expect((await it.server.inject({ method: "POST", url, payload })).statusCode).toBe(200);
    return backend.requests.at(-1);
  };
  const system = { role: "system", content: "Be brief." };
  expect(await ask("/v1/chat/completions", chat)).toMatchObject({
    maxTokens: 7,
    stop: ["END"],
    sampling: { temperature: 0.25, topK: 5, topP: 1 },
    prompt: { messages: [system, chat.messages[0]] },
  });
  const own = [{ role: "developer", content: "Be long." }, ...chat.messages];
  const said = { messages: own, temperature: 0, top_k: 0, max_completion_tokens: 9, stop: [] };
  expect(await ask("/v1/chat/completions", said)).toMatchObject({
    maxTokens: 9,
    stop: [],
    sampling: { temperature: 0, topK: 0 },
    prompt: { messages: [{ role: "system", content: "Be long." }, chat.messages[0]] },
  });
  expect(await ask("/v1/completions", { prompt: "a" })).toMatchObject({ maxTokens: 7, prompt: { text: "a" } });
  await ask("/v1/completions", { prompt: "a", model: "other" });
  expect(other.requests).toMatchObject([{ maxTokens: 16, sampling: { temperature: 2 } }]);
});
