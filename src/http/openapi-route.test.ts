import { expect, test } from "vitest";
import { apiKey } from "../config/api-keys.ts";
import { chatAnswer, completionAnswer, errorAnswer, modelsAnswer } from "../api/openapi/answers.ts";
import { startServer } from "./testing.ts";

interface Document {
  openapi: string;
  paths: Record<string, Record<string, unknown>>;
}

test("the document is open, and tells of routes that exist", async () => {
  await using it = await startServer(undefined, { apiKeys: [apiKey({ key: "key" })] });
  const answer = await it.server.inject("/openapi.json");
  const { openapi, paths } = answer.json<Document>();
  expect([answer.statusCode, openapi]).toEqual([200, "3.1.0"]);
  for (const [path, item] of Object.entries(paths)) {
    const url = path.replace(/\{\w+\}/, "*");
    for (const method of Object.keys(item))
      expect(it.server.hasRoute({ method: method.toUpperCase(), url })).toBe(true);
  }
});

test("its schemas have no reference that leads nowhere, and lists tell their elements", async () => {
  await using it = await startServer();
  const text = (await it.server.inject("/openapi.json")).body;
  expect([...text.matchAll(/"\$ref":"([^"]+)"/g)].every(([, ref]) => ref === "#/components/schemas/Error")).toBe(true);
  expect(text).not.toContain('"items":{}}');
  expect(text).not.toContain(":null,");
});

test("answers are what the document tells", async () => {
  await using it = await startServer();
  const ask = async (url: string, payload: object): Promise<unknown> =>
    (await it.server.inject({ method: "POST", url, payload })).json();
  const over = { timings: true, n: 2 };
  chatAnswer
    .strict()
    .parse(await ask("/v1/chat/completions", { messages: [{ role: "user", content: "hi" }], ...over }));
  completionAnswer.strict().parse(await ask("/v1/completions", { prompt: "hi", ...over }));
  errorAnswer.strict().parse(await ask("/v1/completions", {}));
  modelsAnswer.strict().parse((await it.server.inject("/v1/models")).json());
});
