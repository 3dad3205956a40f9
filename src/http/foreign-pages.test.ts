import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { apiKey } from "../config/api-keys.ts";
import { says, startServer, type Over } from "./testing.ts";

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

/** Over a real socket, with headers that `fetch` would not let a test write. */
async function ask(
  port: number,
  headers: Record<string, string>,
  { method = "GET", path = "/v1/models", body = "" } = {},
): Promise<Answer> {
  const sent = request({ host: "127.0.0.1", port, path, method, headers }).end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const texts = await answer.setEncoding("utf8").toArray();
  return { status: answer.statusCode!, headers: answer.headers, body: texts.join("") };
}

const codeOf = ({ body }: Answer) => (JSON.parse(body) as { error: { code: string } }).error.code;

test.each([
  ["localhost:1", 200],
  ["LOCALHOST", 200],
  ["127.0.0.1:8000", 200],
  ["127.1", 200],
  ["[::1]:8000", 200],
  ["", 200], // HTTP/1.0 health checks of proxies; a browser always sends one
  ["evil.example", 403],
  ["localhost.evil.example:8000", 403],
  ["127.0.0.1.evil.example", 403],
  ["127.0.0.1@evil.example", 403],
  ["evil.example#localhost", 403],
  ["localhost,evil.example", 403],
  ["0.0.0.0:8000", 403],
  ["192.168.1.7", 403],
  ["[::ffff:10.0.0.1]", 403],
  [":::", 403],
])("Host '%s' gets %i", async (host, status) => {
  await using it = await startServer();
  const answer = await ask(it.port, { host });
  expect(answer.status).toBe(status);
  if (status === 403) expect(codeOf(answer)).toBe("foreign_host");
});

test.each([
  [(port: number) => `http://127.0.0.1:${port}`, 200],
  [() => "https://evil.example", 403],
  [() => "http://127.0.0.1:1", 403], // another server of this machine is another origin
  [() => "null", 403],
  [() => "HTTPS://EVIL.EXAMPLE", 403],
  [() => "https://app.example", 200],
  [() => "https://app.example.evil.example", 403],
  [() => "chrome-extension://abcdef", 200],
])("a page of origin %s gets %i", async (origin, status) => {
  await using it = await startServer(undefined, { corsOrigins: ["https://app.example"] });
  const answer = await ask(it.port, { origin: origin(it.port) });
  expect(answer.status).toBe(status);
  if (status === 403) expect(codeOf(answer)).toBe("foreign_origin");
});

test("a foreign page's request reaches no model, whatever its method and content type", async () => {
  await using it = await startServer();
  const headers = { origin: "https://evil.example", "content-type": "text/plain" };
  for (const path of ["/v1/completions", "/health", "/nothing"])
    expect((await ask(it.port, headers, { method: "POST", path, body: '{"prompt":"a"}' })).status).toBe(403);
  expect(it.backend.requests).toEqual([]);
});

test.each([
  ["keys", { apiKeys: [apiKey({ key: "key" })] }],
  ["an address that other machines reach", { host: "0.0.0.0" }],
] satisfies [string, Over][])("with %s any name may be used: proxies do", async (_name, over) => {
  await using it = await startServer(undefined, over);
  const headers = { host: "ai.example", origin: "https://ai.example", authorization: "Bearer key" };
  expect((await ask(it.port, headers)).status).toBe(200);
});

const preflight = {
  "access-control-request-method": "POST",
  "access-control-request-headers": "authorization,x-extra",
};

test("a preflight of an allowed origin is answered before the key is asked for", async () => {
  await using it = await startServer(undefined, {
    corsOrigins: ["https://app.example"],
    apiKeys: [apiKey({ key: "key" })],
  });
  const method = "OPTIONS";
  const answer = await ask(it.port, { origin: "https://app.example", ...preflight }, { method });
  expect([answer.status, answer.body]).toEqual([204, ""]);
  expect(answer.headers).toMatchObject({
    "access-control-allow-origin": "https://app.example",
    "access-control-allow-methods": "GET, HEAD, POST",
    "access-control-allow-headers": "authorization,x-extra",
    vary: "Origin",
  });
  const other = await ask(it.port, { origin: "https://evil.example", ...preflight }, { method });
  expect(other.status).toBe(401);
  expect(other.headers).not.toHaveProperty("access-control-allow-origin");
});

test("without a list a preflight is refused", async () => {
  await using it = await startServer();
  const headers = { origin: "https://app.example", ...preflight };
  const answer = await ask(it.port, headers, { method: "OPTIONS" });
  expect([answer.status, codeOf(answer)]).toEqual([403, "foreign_origin"]);
  expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
});

test("answers, errors and streams of an allowed origin can be read by its page", async () => {
  await using it = await startServer(says("a", "b"), { corsOrigins: ["https://app.example"] });
  const headers = { origin: "https://app.example", "content-type": "application/json" };
  const post = { method: "POST", path: "/v1/completions" };
  const stream = await ask(it.port, headers, { ...post, body: '{"prompt":"a","stream":true}' });
  const error = await ask(it.port, headers, { ...post, body: "{" });
  expect([stream.status, error.status]).toEqual([200, 400]);
  for (const answer of [stream, error])
    expect(answer.headers).toMatchObject({
      "access-control-allow-origin": "https://app.example",
      "access-control-expose-headers": expect.stringContaining("x-request-id"),
      vary: "Origin",
    });
  const program = await ask(it.port, {});
  expect(program.headers).not.toHaveProperty("access-control-allow-origin");
});

test('"*" is every origin, but not every host', async () => {
  await using it = await startServer(undefined, { corsOrigins: ["*"] });
  const answer = await ask(it.port, { origin: "null" });
  expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([200, "*"]);
  expect((await ask(it.port, { origin: "https://evil.example", host: "evil.example" })).status).toBe(403);
});
