import { expect, test } from "vitest";
import { apiKey } from "../config/api-keys.ts";
import { startServer } from "./testing.ts";

const page = [
  { url: "/", type: "text/html; charset=utf-8", body: Buffer.from("<!doctype html>") },
  { url: "/page/main.js", type: "text/javascript; charset=utf-8", body: Buffer.from("let a;") },
];

test("the page's files come with a strict policy, and again only when they changed", async () => {
  await using it = await startServer(undefined, { page });
  for (const { url, type, body } of page) {
    const answer = await it.server.inject(url);
    expect([answer.statusCode, answer.headers["content-type"], answer.rawPayload]).toEqual([200, type, body]);
    expect(answer.headers).toMatchObject({
      "content-security-policy": expect.stringMatching(
        /^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/,
      ),
      "x-content-type-options": "nosniff",
      "cache-control": "no-cache",
    });
    const etag = answer.headers["etag"] as string;
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`]) {
      const again = await it.server.inject({ url, headers: { "if-none-match": known } });
      expect([again.statusCode, again.body, again.headers["etag"]]).toEqual([304, "", etag]);
    }
    expect((await it.server.inject({ url, headers: { "if-none-match": '"x"' } })).statusCode).toBe(200);
    expect(await it.server.inject({ url, method: "HEAD" })).toMatchObject({ statusCode: 200, body: "" });
  }
});

test.each([
  "/page",
  "/page/",
  "/page/other.js",
  "/page/..%2f..%2fpackage.json",
  "/page/%2e%2e/main.js",
  "/page/main.js%00",
  "//page/main.js",
  "/index.html",
])("there is no %s", async (url) => {
  await using it = await startServer(undefined, { page });
  expect((await it.server.inject(url)).statusCode).toBe(404);
});

test("the page is open where the API asks for a key", async () => {
  await using it = await startServer(undefined, { page, apiKeys: [apiKey({ key: "key" })] });
  const status = async (url: string) => (await it.server.inject(url)).statusCode;
  expect([await status("/"), await status("/page/main.js"), await status("/v1/models")]).toEqual([200, 200, 401]);
});
