import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { workloadNames, workloadOf, workloadShapes, type Workload, type WorkloadName } from "./workload.ts";

const vocabulary = { low: 1000, high: 30_000 };
const shape = { promptTokens: 50, sharedTokens: 30, prefixes: 1, outputTokens: 8, turns: 3 };
const numbers = Array.from({ length: 200 }, (_, i) => i - 20);

const aWorkload = (name: WorkloadName, over: Partial<typeof shape> = {}, seed = 3): Workload =>
  workloadOf(name, { ...shape, ...over }, { seed, vocabulary });

function idsOf(workload: Workload, index: number): readonly number[] {
  const { content } = workload(index).turns[0]!;
  return content.kind === "tokens" ? content.ids : [];
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  const differ = a.findIndex((id, i) => id !== b[i]);
  return differ < 0 ? a.length : differ;
}

describe("prompts of token ids", () => {
  test("unique: of exact length, and no two have even their first token in common", () => {
    const workload = aWorkload("unique", { sharedTokens: 0 });
    const prompts = numbers.map((index) => idsOf(workload, index));
    expect(new Set(prompts.map((ids) => ids.length))).toEqual(new Set([50]));
    expect(new Set(prompts.map((ids) => ids[0])).size).toBe(numbers.length);
    expect(prompts.flat().every((id) => id >= vocabulary.low && id < vocabulary.high)).toBe(true);
  });

  test("shared-prefix: exactly the shared tokens are shared", () => {
    const workload = aWorkload("shared-prefix");
    const first = idsOf(workload, 0);
    for (const index of numbers.filter((n) => n !== 0)) expect(sharedLength(first, idsOf(workload, index))).toBe(30);
  });

  test("several prefixes come in rotation", () => {
    const workload = aWorkload("shared-prefix", { prefixes: 4 });
    fc.assert(
      fc.property(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: -1000, max: 1000 }), (a, b) => {
        const shared = sharedLength(idsOf(workload, a), idsOf(workload, b));
        expect(shared).toBe(a === b ? 50 : Math.abs(a - b) % 4 === 0 ? 30 : 0);
      }),
    );
  });

  test("mixed: from a quarter to twice, in the middle half of what was asked for, half of them share", () => {
    const workload = aWorkload("mixed", { promptTokens: 400, outputTokens: 80 });
    const many = Array.from({ length: 2000 }, (_, index) => workload(index).turns[0]!);
    const lengths = many.map(({ content }) => (content.kind === "tokens" ? content.ids.length : 0));
    const outputs = many.map(({ maxTokens }) => maxTokens);
    for (const [values, asked] of [[lengths, 400] as const, [outputs, 80] as const]) {
      expect(Math.min(...values)).toBeGreaterThanOrEqual(asked / 4);
      expect(Math.max(...values)).toBeLessThanOrEqual(asked * 2);
      const median = values.toSorted((a, b) => a - b)[values.length / 2]!;
      expect(median / asked).toBeCloseTo(Math.SQRT1_2, 1); // of a log-uniform law: the geometric mean of its ends
    }
    const starts = many.map(({ content }) => (content.kind === "tokens" ? content.ids[0] : 0));
    const common = starts.filter((id) => starts.filter((other) => other === id).length > 100).length;
    expect(common / many.length).toBeCloseTo(0.5, 1);
  });
});

test("without token ids prompts are as many words", () => {
  const workload = workloadOf("shared-prefix", shape, { seed: 3, vocabulary: undefined });
  const texts = numbers.map((index) => {
    const { content } = workload(index).turns[0]!;
    return content.kind === "text" ? content.text.split(" ") : [];
  });
  expect(new Set(texts.map((text) => text.length))).toEqual(new Set([50]));
  expect(new Set(texts.map((text) => text.slice(0, 30).join(" "))).size).toBe(1);
  expect(new Set(texts.map((text) => text.slice(30).join(" "))).size).toBe(numbers.length);
});

test("chat: a common system message first, then one message of the user in each turn", () => {
  const chats = [0, 1].map((index) => aWorkload("chat")(index));
  for (const { turns } of chats) {
    const roles = turns.map(({ content }) => (content.kind === "messages" ? content.messages.map((m) => m.role) : []));
    expect(roles).toEqual([["system", "user"], ["user"], ["user"]]);
  }
  const said = chats.flatMap(({ turns }) =>
    turns.flatMap(({ content }) => (content.kind === "messages" ? content.messages.map((m) => m.content) : [])),
  );
  expect(said.map((text) => text.split(" ").length)).toEqual([30, 50, 50, 50, 30, 50, 50, 50]);
  expect(new Set(said).size).toBe(7);
});

test.each(workloadNames)("%s depends on seed and number alone", (name) => {
  const source = { seed: 7, vocabulary };
  const [one, same] = [0, 1].map(() => workloadOf(name, workloadShapes[name], source));
  const other = workloadOf(name, workloadShapes[name], { ...source, seed: 8 });
  expect(one!(5)).toEqual(same!(5));
  expect(one!(5)).not.toEqual(one!(6));
  expect(one!(5)).not.toEqual(other(5));
});
