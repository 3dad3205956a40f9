import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { defaultPlan, type ExecutionPlan } from "../../src/core/execution-plan.ts";
import { defaultScheduling, type Scheduling } from "../../src/core/scheduling.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { messageBoundaries } from "../../src/inference/prompt-marks.ts";
import type { Sequence } from "../../src/scheduler/sequence.ts";
import { StepLoop } from "../../src/scheduler/step-loop.ts";
import { aSequence } from "../../src/scheduler/testing.ts";
import { logitNoise } from "../models.ts";
import { EngineProbe, largestDifference } from "./engine-probe.ts";
import { realModels } from "./real-models.ts";

const models = realModels();

const answerTokens = 6;

/** A request that is told what to answer, and what the model thought of each token of it. */
interface Pupil {
  readonly sequence: Sequence;
  readonly rows: Float32Array[];
}

/** Its prompt is all of `tokens` but the last, which it answers. */
function aPupil(tokens: Int32Array, over: Parameters<typeof aSequence>[0] = {}, answer = answerTokens): Pupil {
  const rows: Float32Array[] = [];
  const sequence = aSequence({
    prompt: tokens.subarray(0, tokens.length - answer),
    limit: tokens.length,
    endsGeneration: () => false,
    sample: (logits, { length }) => {
      rows.push(logits.slice());
      return tokens[length]!;
    },
    ...over,
  });
  return { sequence, rows };
}

interface Lesson {
  readonly prefillTokens?: number;
  readonly scheduling?: Partial<Scheduling>;
  /** Steps between the requests of a group. */
  readonly gap?: number;
}

/** Runs groups of requests, one group after the other, with the real step loop; gives the order in which they ended. */
async function teach(engine: Engine, groups: readonly (readonly Pupil[])[], lesson: Lesson = {}): Promise<string[]> {
  const { prefillTokens = 512, scheduling, gap = 0 } = lesson;
  const stop = new AbortController();
  const left = groups.map((group) => [...group]);
  const running = new Set<Sequence>();
  const ended: string[] = [];
  let steps = 0;
  const admit = (): void => {
    while (left[0]?.length === 0 && running.size === 0) left.shift();
    if (left.length === 0) return stop.abort();
    const isFirst = running.size === 0;
    for (const { sequence } of left[0]!.splice(0, gap === 0 ? Infinity : isFirst || steps >= gap ? 1 : 0)) {
      running.add(sequence);
      loop.add(sequence);
      steps = 0;
    }
  };
  const loop = new StepLoop(engine, {
    limits: { prefillTokens },
    scheduling: { ...defaultScheduling, ...scheduling },
    clock: systemClock,
    onEvent: (event) => {
      if (event.type === "finished" && running.delete(event.sequence)) ended.push(event.sequence.id);
    },
    onStep: (report) => {
      if (report !== undefined) steps++;
      admit();
    },
  });
  admit();
  await loop.run(stop.signal);
  for (let slot = 0; slot < engine.plan.slots; slot++) engine.trim(slot, 0);
  return ended;
}

function open(file: string, over: Partial<ExecutionPlan> = {}): Engine {
  return openEngine({ engine: "llama", plan: { ...defaultPlan(file, 1), slots: 3, contextPerSlot: 1024, ...over } });
}

/** Each thought what it thinks when it is alone, computed from nothing in one piece. */
async function expectAsAlone(engine: Engine, pupils: readonly Pupil[]): Promise<void> {
  for (const { sequence, rows } of pupils) {
    const probe = new EngineProbe(engine, logitNoise);
    expect(rows).toHaveLength(sequence.length - sequence.promptLength);
    rows.forEach((row, at) => {
      const logits = probe.feed(0, sequence.tokens.slice(0, sequence.promptLength + at));
      expect(largestDifference(row, logits)).toBeLessThanOrEqual(logitNoise);
    });
    engine.trim(0, 0);
  }
}

describe("SmolLM2: with what the cache gives, the logits are those of a clean run", () => {
  const inTurn = (pupils: readonly Pupil[]) => pupils.map((pupil) => [pupil]);
  const cached = (pupils: readonly Pupil[]) => pupils.map(({ sequence }) => sequence.cached);

  test("continued in place, and cut in place", async () => {
    using engine = open(models.smollm2);
    const probe = new EngineProbe(engine, logitNoise);
    const text = probe.tokens(260);
    const pupils = [aPupil(text.slice(0, 180)), aPupil(text), aPupil(probe.diverging(text, 100, 60))];
    await teach(engine, inTurn(pupils));
    expect(cached(pupils)).toEqual([0, 179, 100]);
    await expectAsAlone(engine, pupils);
  });

  test("copied from one that runs, and taken over by those who waited for it", async () => {
    using engine = open(models.smollm2);
    const probe = new EngineProbe(engine, logitNoise);
    const text = probe.tokens(200);
    const pupils = [0, 1, 2].map((n) => aPupil(probe.diverging(text, 180 - n, 30), { id: `${n}` }));
    await teach(engine, [pupils], { prefillTokens: 64 });
    const [computing, ...waiting] = cached(pupils).toSorted((a, b) => a! - b!);
    expect(computing).toBe(0);
    for (const tokens of waiting) expect(tokens).toBeGreaterThanOrEqual(148);
    await expectAsAlone(engine, pupils);
  });

  test("parked and restored, and cut after it", async () => {
    using engine = open(models.smollm2, { slots: 1 });
    const probe = new EngineProbe(engine, logitNoise);
    const [text, other] = [probe.tokens(260), probe.tokens(150, 1)];
    const pupils = [aPupil(text.slice(0, 200)), aPupil(other), aPupil(text), aPupil(probe.diverging(other, 90, 60))];
    await teach(engine, inTurn(pupils));
    expect(cached(pupils)).toEqual([0, 0, 199, 90]);
    await expectAsAlone(engine, pupils);
  });

  test("in small chunks beside others", async () => {
    using engine = open(models.smollm2);
    const probe = new EngineProbe(engine, logitNoise);
    const pupils = [0, 1, 2].map((variant) => aPupil(probe.tokens(150, variant), { id: `${variant}` }, 20));
    await teach(engine, [pupils], { prefillTokens: 17, gap: 3 });
    await expectAsAlone(engine, pupils);
  });

  test("preempted and resumed, from parking and from nothing", async () => {
    for (const cacheMemory of [2 ** 28, 0]) {
      using engine = open(models.smollm2, { slots: 1 });
      const probe = new EngineProbe(engine, logitNoise);
      const slow = aPupil(probe.tokens(150), { id: "slow", lane: "batch" }, 20);
      const urgent = aPupil(probe.tokens(100, 1), { id: "urgent" });
      const ended = await teach(engine, [[slow, urgent]], { scheduling: { cacheMemory }, gap: 8 });
      expect(ended).toEqual(["urgent", "slow"]);
      expect(slow.sequence.turnStart).toBeGreaterThan(slow.sequence.promptLength); // in the middle of its answer
      await expectAsAlone(engine, [slow, urgent]);
    }
  });
});

describe("gemma 3: a sliding window is continued exactly where it was left, or not at all", () => {
  const turn = "<start_of_turn>user\nThe river runs slowly past the old mill, and the children count the boats. ";
  const reply = "<start_of_turn>model\nIn winter the ice is thick enough for a horse and a small wagon. ";

  /** Some messages, each of about `length` tokens; conversations with the same `seed` begin alike. */
  function conversation(engine: Engine, messages: number, { seed = 0, length = 150 } = {}): Int32Array {
    const tokenize = (text: string, addSpecial: boolean) =>
      engine.vocabulary.tokenize(text, { parseSpecial: true, addSpecial });
    const probe = new EngineProbe(engine, logitNoise);
    const parts = Array.from({ length: messages }, (_, at) => [
      ...tokenize(at % 2 === 0 ? turn : reply, at === 0),
      ...probe.tokens(length, (at + seed) % 5).subarray(1),
      ...tokenize("<end_of_turn>\n", false),
    ]);
    return Int32Array.from(parts.flat());
  }

  const marked = (engine: Engine, tokens: Int32Array, over: Parameters<typeof aSequence>[0] = {}) =>
    aPupil(tokens, { boundaries: messageBoundaries(tokens, engine.vocabulary), ...over });

  test("the turns of a conversation, parallel ones with the same beginning, and ones that come back", async () => {
    using engine = open(models.gemma3, { slots: 2, contextPerSlot: 1280 });
    const probe = new EngineProbe(engine, logitNoise);
    const four = conversation(engine, 4); // beyond the window of 512 tokens
    const five = conversation(engine, 5);
    const boundaries = messageBoundaries(five, engine.vocabulary);
    expect(boundaries).toHaveLength(5);
    const first = marked(engine, four);
    const next = marked(engine, five, { id: "next" });
    const branch = marked(engine, probe.diverging(four, boundaries[2]! + 30, 60), { id: "branch" });
    const twin = marked(engine, probe.diverging(four, boundaries[2]! + 30, 90), { id: "twin" });
    const stranger = marked(engine, conversation(engine, 2, { seed: 3 }), { id: "stranger" });
    const again = marked(engine, five, { id: "again" });
    await teach(engine, [[first], [next], [branch, twin], [stranger], [again]]);
    const cached = [first, next, branch, twin, stranger, again].map(({ sequence }) => sequence.cached!);
    expect(cached[0]).toBe(0);
    // Only what was held whole: a snapshot at the end of a message, or all that another one left.
    const whole = new Set([
      0,
      ...boundaries,
      ...[first, next, branch, twin].map(({ sequence }) => sequence.length - 1),
    ]);
    expect(cached.filter((tokens) => !whole.has(tokens))).toEqual([]);
    expect(cached[1]).toBeGreaterThanOrEqual(boundaries[2]!);
    expect(cached.slice(2, 4)).toEqual([boundaries[2], boundaries[2]]);
    expect(cached[5]).toBeGreaterThanOrEqual(boundaries[2]!);
    await expectAsAlone(engine, [first, next, branch, twin, stranger, again]);
  });

  test("preempted and resumed", async () => {
    using engine = open(models.gemma3, { slots: 1, contextPerSlot: 1280 });
    const slow = marked(engine, conversation(engine, 4), { id: "slow", lane: "batch" });
    const urgent = marked(engine, conversation(engine, 1, { seed: 2 }), { id: "urgent" });
    expect(await teach(engine, [[slow, urgent]], { gap: 2 })).toEqual(["urgent", "slow"]);
    await expectAsAlone(engine, [slow, urgent]);
  });
});
