import { expect, test } from "vitest";
import { apiKey } from "../config/api-keys.ts";
import { chatAnswer, completionAnswer, errorAnswer, modelsAnswer } from "../api/openapi/answers.ts";
import { failure } from "../core/errors.ts";
import { fails, startServer } from "./testing.ts";

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

test("errors that only end a command are no answers", async () => {
  await using it = await startServer();
  const text = (await it.server.inject("/openapi.json")).body;
  expect(text).toContain('"queue_full"');
  for (const code of ["port_in_use", "open_bind", "model_not_stored"]) expect(text).not.toContain(`"${code}"`);
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
  const loading = failure("model_loading", { model: "a", loading: { progress: 0.5, etaSeconds: undefined } });
  await using notYet = await startServer(fails(loading));
  const answer = await notYet.server.inject({ method: "POST", url: "/v1/completions", payload: { prompt: "hi" } });
  const strict = errorAnswer.extend({ error: errorAnswer.shape.error.strict() }).strict();
  expect(strict.parse(answer.json()).error.loading).toEqual({ progress: 0.5, eta_seconds: null });
  modelsAnswer.strict().parse((await it.server.inject("/v1/models")).json());
});
