import { parseArgs } from "node:util";
import { parseJsonSchema } from "../src/api/constraints/json-schema.ts";
import { promptOf, ratesOf, requestOf, type Burst } from "../src/bench/engine/burst.ts";
import { show, summarize } from "../src/bench/statistics.ts";
import { defaultPlan } from "../src/core/execution-plan.ts";
import type { GenerationRequest } from "../src/core/generation.ts";
import { silenceNativeLog } from "../src/engine/llama/native-log.ts";
import { openEngine } from "../src/engine/open.ts";
import { threadsForThisMachine } from "../src/host/cpu-quota.ts";
import { LocalBackend } from "../src/inference/local-backend.ts";
import { modelOfType } from "./smollm2.ts";
import { inTurns } from "./turns.ts";

const anyOf = (...values: readonly string[]) => ({ enum: values });
/** More items than an answer here has room for: it never ends by itself. */
const manyOf = (item: object) => ({ type: "array", items: item, minItems: 100 });
const objectOf = (properties: object) => ({ type: "object", properties, required: Object.keys(properties) });

const schemas = {
  "a typical schema": manyOf(
    objectOf({
      name: { type: "string", maxLength: 20 },
      age: { type: "integer", minimum: 0, maximum: 150 },
      tags: { type: "array", items: anyOf("a", "b", "c"), minItems: 1, maxItems: 3 },
      address: objectOf({ city: { type: "string" }, zip: { type: "string", pattern: "^[0-9]{5}$" } }),
    }),
  ),
  "a schema with long keys": manyOf(
    objectOf({
      customer_satisfaction_level: anyOf("low", "medium", "high"),
      estimated_resolution_time_in_hours: { type: "integer", minimum: 1, maximum: 99 },
      requires_escalation_to_management: { type: "boolean" },
      primary_product_category_affected: anyOf("hardware", "software", "billing"),
    }),
  ),
};

/**
 * What a constraint costs, and what forced text saves: decode rates of free and constrained answers, with forced tokens and
 * without. (Answers with logprobs have none: each of their tokens is sampled. They are compared with each other.)
 */
export async function constraints(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "10" },
      type: { type: "string", default: "q4_0" },
      sequences: { type: "string", default: "1,8" },
      schema: { type: "string", default: "" },
    },
  });
  silenceNativeLog();
  const file = await modelOfType(values.type);
  const plan = { ...defaultPlan(file, threadsForThisMachine().threads), slots: 8, contextPerSlot: 512 };
  await using backend = new LocalBackend(openEngine({ engine: "llama", plan }), "bench");
  for (const sequences of values.sequences.split(",").map(Number))
    for (const [title, schema] of Object.entries(schemas)) {
      if (!title.includes(values.schema)) continue;
      const burst = { sequences, promptTokens: 128, answerTokens: 128 };
      const constraint = parseJsonSchema(schema, "schema");
      const variants: Record<string, Partial<GenerationRequest>> = {
        free: {},
        constrained: { constraint, ignoreEos: false },
        "free, each sampled": { logprobs: 0 },
        "constrained, each sampled": { constraint, ignoreEos: false, logprobs: 0 },
      };
      const turns = Object.entries(variants).map(
        ([name, over]) => [name, () => decodeRate(backend, burst, over)] as const,
      );
      print(`${title}, ${sequences} sequences`, await inTurns(Object.fromEntries(turns), Number(values.rounds) + 1));
    }
}

/** Tokens per second of all together. */
async function decodeRate(backend: LocalBackend, burst: Burst, over: Partial<GenerationRequest>): Promise<number> {
  const begin = performance.now();
  const times = await Promise.all(
    Array.from({ length: burst.sequences }, async (_, number) => {
      const request = requestOf(backend.model.id, promptOf(number, burst.promptTokens), burst.answerTokens);
      const arrivals: number[] = [];
      for await (const event of backend.generate({ ...request, ...over }, new AbortController().signal))
        if (event.type === "text-delta") arrivals.push(...event.tokens.map(() => performance.now() - begin));
      return arrivals;
    }),
  );
  return ratesOf(times, burst).decode;
}

/** The first round warms up. */
function print(title: string, results: ReadonlyMap<string, readonly number[]>): void {
  const rates = new Map([...results].map(([name, list]) => [name, list.slice(1)]));
  const ratio = (of: string, to: string) =>
    show(summarize(rates.get(of)!.map((rate, round) => rate / rates.get(to)![round]!)), 3);
  console.log(`\n${title}: decode tok/s, median [interval]; ratios within a round`);
  for (const [name, list] of rates) console.log(`  ${name.padEnd(26)} ${show(summarize(list))}`);
  console.log(`  constrained to free, each sampled: ×${ratio("constrained, each sampled", "free, each sampled")}`);
  console.log(`  constrained to free: ×${ratio("constrained", "free")}`);
  console.log(`  forced tokens: ×${ratio("constrained", "constrained, each sampled")}`);
}
