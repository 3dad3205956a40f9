import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJsonSchema } from "../src/api/constraints/json-schema.ts";
import { regexConstraint } from "../src/api/constraints/texts.ts";
import { defaultPlan, type ExecutionPlan } from "../src/core/execution-plan.ts";
import { lanes, type GenerationRequest } from "../src/core/generation.ts";
import { defaultScheduling, policyNames, type Scheduling } from "../src/core/scheduling.ts";
import { openEngine } from "../src/engine/open.ts";
import { Inference, type RequestEvent } from "../src/inference/inference.ts";
import { prepareRequest } from "../src/inference/prepare.ts";
import { someRequest, someSampling } from "../src/inference/testing.ts";

interface Machine {
  readonly engine: string;
  readonly plan: Partial<ExecutionPlan>;
  readonly scheduling: Partial<Scheduling>;
  readonly prefillTokens: number;
}

interface Asked {
  readonly request: GenerationRequest;
  /** Before the step of this number. */
  readonly at: number;
  /** Tokens that its reader takes per step. */
  readonly pace: number;
  /** Cancelled after so many steps. */
  readonly cancelAfter: number | undefined;
}

interface Answer {
  tokens: number[];
  text: string;
  /** Of each token that was told of, and of the likeliest one in its place. */
  logprobs: (number | null | undefined)[];
  cachedTokens: number;
  ended: boolean;
}

/** Answers all requests in one process on the fake engine; nothing of it depends on the time of day. */
async function answer(asked: readonly Asked[], machine: Machine): Promise<Answer[]> {
  const plan = { ...defaultPlan("fake", 1), contextPerSlot: 1024, ...machine.plan };
  using engine = openEngine({ engine: machine.engine, plan });
  const answers = asked.map((): Answer => ({ tokens: [], text: "", logprobs: [], cachedTokens: 0, ended: false }));
  const open = new Set<string>();
  const stop = new AbortController();
  let ticks = 0;
  let steps = 0;

  const take = ({ id, ...what }: RequestEvent): void => {
    const one = answers[Number(id)]!;
    if ("error" in what) throw new Error(what.error.message);
    const { event } = what;
    if (event.type === "admitted") return; // older than a cancel that came in the same moment
    expect(open.has(id)).toBe(true); // nothing is said after the end, be it the request's own or a cancel
    if (event.type === "text-delta") {
      one.tokens.push(...event.tokens);
      one.text += event.text;
      one.logprobs.push(...(event.logprobs ?? []).flatMap(({ logprob, top }) => [logprob, top[0]?.logprob]));
    }
    if (event.type !== "finished") return;
    one.ended = true;
    one.cachedTokens = event.usage.cachedTokens;
    expect(event.usage.completionTokens).toBe(one.tokens.length);
    open.delete(id);
  };
  const act = (): void => {
    asked.forEach(({ request, at, pace, cancelAfter }) => {
      const { id } = request;
      if (at === steps) {
        open.add(id);
        const promptTokens = prepareRequest(request, engine.vocabulary, plan.contextPerSlot);
        inference.submit({ request, promptTokens, waitedMs: 0 }, pace);
      } else if (open.has(id)) inference.credit(id, pace);
      if (cancelAfter === undefined || at + cancelAfter !== steps || !open.delete(id)) return;
      inference.cancel(id);
      expect(inference.running).not.toContain(id);
    });
    steps++;
    if (open.size === 0 && asked.every(({ at }) => at < steps)) stop.abort();
  };
  const inference = new Inference(engine, {
    scheduling: { ...defaultScheduling, ...machine.scheduling },
    limits: { prefillTokens: machine.prefillTokens },
    clock: { now: () => ticks++ },
    onStep: (events, report) => {
      events.forEach(take);
      if (report === undefined) return;
      expect(report.running + report.waiting).toBe(open.size);
      if (steps > 5000) throw new Error(`${open.size} requests starve`);
      act();
    },
  });
  // The loop stops where nothing is to do; whoever comes next wakes it.
  const idle = setInterval(act, 1);
  await inference.run(stop.signal).finally(() => clearInterval(idle));
  return answers;
}

const machines: fc.Arbitrary<Machine> = fc.record({
  engine: fc.constantFrom("fake", "fake?window=32", "fake?recurrent=1", "fake?chat=0"),
  plan: fc.record({ slots: fc.integer({ min: 1, max: 4 }), swaFull: fc.boolean() }),
  scheduling: fc.record({
    policy: fc.constantFrom(...policyNames),
    turnTokens: fc.constantFrom(0, 4),
    cacheMemory: fc.constantFrom(0, 3000, 1e7),
    ageingMs: fc.constantFrom(50, 5000),
  }),
  prefillTokens: fc.constantFrom(16, 64, 512),
});

const system = "The mill stands by the river and grinds what the people of the valley bring to it, day after day.";
const questions = ["Who built it?", "How much does it grind?", "What does the miller say when the river is low?"];

/** Much of what they let through is forced. */
const constraints = [
  parseJsonSchema({ type: "object", properties: { "how many": { type: "integer" }, "what for": {} } }, "schema"),
  regexConstraint("( river| miller)+ (grinds|floods) the valley all day\\. The end\\.", ""),
];

const requests = fc.array(
  fc.record({
    at: fc.nat(25),
    lane: fc.constantFrom(...lanes),
    tenant: fc.nat(1),
    turns: fc.array(fc.constantFrom(...questions), { minLength: 1, maxLength: 4 }),
    maxTokens: fc.integer({ min: 0, max: 20 }),
    logprobs: fc.constantFrom(undefined, "answer", "prompt"),
    temperature: fc.constantFrom(0, 1),
    pace: fc.constantFrom(1, 5, 1000),
    cancelAfter: fc.option(fc.nat(20), { nil: undefined, freq: 3 }),
    constraint: fc.option(fc.constantFrom(...constraints), { nil: undefined, freq: 2 }),
  }),
  { minLength: 1, maxLength: 7 },
);

function toAsked(list: typeof requests extends fc.Arbitrary<infer List> ? List : never, isChat: boolean): Asked[] {
  return list.map(({ at, turns, logprobs, temperature, tenant, pace, cancelAfter, ...given }, index) => {
    const messages = turns.flatMap((content, turn) => [
      ...(turn === 0 ? [] : [{ role: "assistant", content: "Nobody knows." }]),
      { role: "user", content },
    ]);
    const request = someRequest({
      id: `${index}`,
      tenant: { name: `tenant ${tenant}`, weight: 1 },
      prompt: isChat
        ? { kind: "chat", messages: [{ role: "system", content: system }, ...messages] }
        : { kind: "text", text: [system, ...turns].join(" ") },
      logprobs: logprobs === undefined ? undefined : 1,
      ...(logprobs === "prompt" && { scorePrompt: true }),
      sampling: someSampling({ temperature, seed: index }),
      ...given,
    });
    return { request, at, pace, cancelAfter };
  });
}

test("an answer is the same alone and among any neighbours, and a cancelled request says no more", async () => {
  await fc.assert(
    fc.asyncProperty(requests, machines, async (list, machine) => {
      const asked = toAsked(list, machine.engine !== "fake?chat=0");
      const answers = await answer(asked, machine);
      const alone: Machine = { ...machine, plan: { ...machine.plan, slots: 1, kvReuse: false }, prefillTokens: 512 };
      for (const [index, { request, cancelAfter }] of asked.entries()) {
        const [expected] = await answer(
          [{ request: { ...request, id: "0" }, at: 0, pace: 1000, cancelAfter: undefined }],
          alone,
        );
        const { ended, cachedTokens, tokens, ...said } = answers[index]!;
        const { text, logprobs } = expected!;
        if (ended) expect({ tokens, ...said }).toEqual({ tokens: expected!.tokens, text, logprobs });
        else expect(tokens).toEqual(expected!.tokens.slice(0, tokens.length));
        expect(ended || cancelAfter !== undefined).toBe(true);
        const others = asked.filter((other) => other.request.tenant.name === request.tenant.name);
        if (others.length === 1 || request.scorePrompt === true) expect(cachedTokens).toBe(0);
      }
    }),
    { numRuns: 60 },
  );
}, 60_000);
