import { expect, test } from "vitest";
import { apiKey } from "../config/api-keys.ts";
import { failure } from "../core/errors.ts";
import { fails, startServer } from "./testing.ts";

const apiKeys = [
  apiKey({ key: "ann", name: "ann", weight: 2 }),
  apiKey({ key: "night", name: "nightly", lane: "batch" }),
];
const prompt = "hi";

interface ErrorAnswer {
  error: { message: string; type: string; param: string | null; code: string };
}

test("a request belongs to the tenant of its key", async () => {
  await using it = await startServer(undefined, { apiKeys });
  const ask = async (headers: Record<string, string>) => {
    await it.server.inject({ method: "POST", url: "/v1/completions", headers, payload: { prompt, user: "bob" } });
    return it.backend.requests.at(-1);
  };
  expect(await ask({ "x-api-key": "ann" })).toMatchObject({ tenant: { name: "ann", weight: 2 }, lane: "interactive" });
  const nightly = { tenant: { name: "nightly", weight: 1 }, lane: "batch" };
  expect(await ask({ authorization: "Bearer night" })).toMatchObject(nightly);
  expect(await ask({ authorization: "Bearer of-a-proxy", "x-api-key": "night" })).toMatchObject(nightly);
});

test("without keys all requests are one tenant's", async () => {
  await using it = await startServer();
  const headers = { "x-api-key": "whatever" };
  await it.server.inject({ method: "POST", url: "/v1/completions", headers, payload: { prompt } });
  expect(it.backend.requests[0]).toMatchObject({ tenant: { name: "anonymous", weight: 1 }, lane: "interactive" });
});

test("priority and timeout come in the body or in headers; the server has a timeout for those that bring none", async () => {
  await using it = await startServer(undefined, { requestTimeout: 60 });
  const ask = async (body: object, headers: Record<string, string> = {}) => {
    await it.server.inject({ method: "POST", url: "/v1/completions", headers, payload: { prompt, ...body } });
    const { lane, timeoutMs } = it.backend.requests.at(-1)!;
    return [lane, timeoutMs];
  };
  const headers = { "x-priority": "background", "x-request-timeout": "3" };
  expect(await ask({})).toEqual(["interactive", 60_000]);
  expect(await ask({}, headers)).toEqual(["background", 3000]);
  expect(await ask({ priority: "batch", timeout: 0.25 }, headers)).toEqual(["batch", 250]);
});

test.each<[body: object, headers: Record<string, string>, param: string, says: string]>([
  [{ priority: "interactive" }, {}, "priority", '"batch", "background" with this key'],
  [{}, { "x-priority": "interactive" }, "x-priority", '"batch", "background" with this key'],
  [{}, { "x-request-timeout": "-1" }, "x-request-timeout", "above 0, up to 86400"],
  [{ timeout: "1" }, {}, "timeout", "above 0, up to 86400"],
])("refused: %j %j", async (body, headers, ...[param, says]) => {
  await using it = await startServer(undefined, { apiKeys });
  const answer = await it.server.inject({
    method: "POST",
    url: "/v1/completions",
    headers: { "x-api-key": "night", ...headers },
    payload: { prompt, ...body },
  });
  expect(answer.statusCode).toBe(400);
  expect(answer.json<ErrorAnswer>().error).toMatchObject({
    code: "invalid_value",
    param,
    message: expect.stringContaining(says),
  });
  expect(it.backend.requests).toEqual([]);
});

test.each([
  [failure("queue_full", { waiting: 512, limit: 512, retryAfter: 2.1 }), 429, "3", "rate_limit_error"],
  [failure("queued_tokens_full", { waiting: 9, limit: 8, retryAfter: 0 }), 429, "1", "rate_limit_error"],
  [failure("deadline_unreachable", { estimate: 9, timeout: 2, retryAfter: 7 }), 503, "7", "service_unavailable_error"],
  [failure("deadline_exceeded", { timeout: 2 }), 504, undefined, "timeout_error"],
])("%s", async (error, ...[status, retryAfter, type]) => {
  await using it = await startServer(fails(error));
  for (const stream of [true, false]) {
    const answer = await it.server.inject({ method: "POST", url: "/v1/completions", payload: { prompt, stream } });
    expect([answer.statusCode, answer.headers["retry-after"]]).toEqual([status, retryAfter]);
    expect(answer.json<ErrorAnswer>()).toEqual({
      error: { message: error.message, type, param: null, code: error.code },
    });
  }
});
