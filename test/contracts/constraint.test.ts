import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseJsonSchema } from "../../src/api/constraints/json-schema.ts";
import { regexConstraint } from "../../src/api/constraints/texts.ts";
import type { Constraint } from "../../src/core/constraint.ts";
import { defaultPlan } from "../../src/core/execution-plan.ts";
import type { GenerationRequest } from "../../src/core/generation.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { LocalBackend } from "../../src/inference/local-backend.ts";
import { someSampling } from "../../src/inference/testing.ts";
import { aRequest, collectAll, never, type Collected } from "./host/hosts.ts";
import { realModels } from "./real-models.ts";

const models = realModels();
let engine: Engine;
let backend: LocalBackend;
beforeAll(() => {
  engine = openEngine({ engine: "llama", plan: { ...defaultPlan(models.smollm2, 2), slots: 4, contextPerSlot: 512 } });
  backend = new LocalBackend(engine, "smollm2");
}, 60_000);
afterAll(() => backend[Symbol.asyncDispose]());

const schema = {
  type: "object",
  properties: {
    full_name_of_the_character: { type: "string", maxLength: 30 },
    age_in_years: { type: "integer", minimum: 0, maximum: 150 },
    occupation: { enum: ["miller", "farmer", "sailor"] },
    names_of_friends: { type: "array", items: { type: "string", maxLength: 15 }, minItems: 1, maxItems: 3 },
  },
  required: ["full_name_of_the_character", "age_in_years", "occupation", "names_of_friends"],
  additionalProperties: false,
};
const ajv = new Ajv2020();

const ask = (constraint: Constraint, over: Partial<GenerationRequest> = {}): Promise<Collected> => {
  const messages = [{ role: "user", content: "Invent a character of a fairy tale. Answer in JSON." }];
  const request = {
    prompt: { kind: "chat", messages },
    constraint,
    maxTokens: 300,
    ignoreEos: false,
    ...over,
  } as const;
  return collectAll(backend.generate(aRequest(request), never));
};
const textOf = (tokens: readonly number[]): string =>
  Buffer.concat(tokens.map((token) => engine.vocabulary.piece(token))).toString();

test("a real model keeps to a schema; its tokens are its text, forced or sampled", async () => {
  const constraint = parseJsonSchema(schema, "schema");
  const kinds: Partial<GenerationRequest>[] = [0, 0.7, 1.3, 2].map((temperature, seed) => ({
    sampling: someSampling({ temperature, seed, topP: 0.95 }),
  }));
  const answers = await Promise.all(
    [...kinds, { ...kinds[1], logprobs: 2 }, { ...kinds[1], choice: 1 }].map((over) => ask(constraint, over)),
  );
  for (const { text, tokens, usage, logprobs } of answers) {
    expect([text, ajv.validate(schema, JSON.parse(text))]).toEqual([text, true]);
    expect(textOf(tokens)).toBe(text);
    expect(usage!.completionTokens).toBe(tokens.length);
    expect([0, tokens.length]).toContain(logprobs.length);
  }
});

test("the end of a grammar ends the answer; a stop string and a limit end it before", async () => {
  const constraint = regexConstraint("(yes|no), because it is exactly what was asked for", "");
  const whole = await ask(constraint);
  expect(whole.text).toMatch(/^(yes|no), because it is exactly what was asked for$/);
  expect((await ask(constraint, { stop: ["exactly"] })).text).toBe(whole.text.slice(0, whole.text.indexOf("exactly")));
  const cut = await ask(constraint, { maxTokens: 5 });
  expect(cut.tokens).toEqual(whole.tokens.slice(0, 5));
  expect(cut.usage!.completionTokens).toBe(5);
});
