import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultPlan } from "../src/core/execution-plan.ts";
import { openEngine } from "../src/engine/open.ts";
import { serve, type Served } from "../src/http/testing.ts";
import { LocalBackend } from "../src/inference/local-backend.ts";
import { malformedRequest } from "./bad-input/malformed-request.ts";
import { answerTo, faultOf } from "./bad-input/raw-answer.ts";

let backend: LocalBackend;
let it: Served;
beforeAll(async () => {
  backend = new LocalBackend(openEngine({ engine: "fake", plan: defaultPlan("fake", 1) }), "fake");
  it = await serve(backend);
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
});

async function goodAnswer(): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ prompt: "Once", seed: 1, max_tokens: 8 });
  const answer = await fetch(`${it.url}/v1/completions`, { method: "POST", headers, body });
  return ((await answer.json()) as { choices: unknown }).choices;
}

test("whatever is malformed gets a 4xx in OpenAI's shape, and the next good request is answered right", async () => {
  const before = await goodAnswer();
  await fc.assert(
    fc.asyncProperty(malformedRequest, async ({ bytes }) => {
      expect(faultOf(await answerTo(bytes, it.port))).toBeUndefined();
    }),
    { numRuns: 400 },
  );
  expect(await goodAnswer()).toEqual(before);
}, 120_000);
