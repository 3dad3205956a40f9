import fc from "fast-check";
import { expect, test } from "vitest";
import type { ChoiceEvent, GenerationEvent } from "../../core/generation.ts";
import { ChoiceCollector } from "./answer.ts";
import { reasoningReader } from "./reasoning.ts";
import { areTokensOf, tokenDeltas } from "./testing.ts";

const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1 };

/** What a reader makes of pieces, each a token, whose text comes late. */
function readPieces(pieces: readonly string[], reasoning?: "open" | "possible", late = 0) {
  const events: GenerationEvent[] = [
    { type: "admitted", promptTokens: [1], ...(reasoning && { reasoning }) },
    ...tokenDeltas(pieces, late),
    { type: "finished", reason: "stop", usage },
  ];
  const read = reasoningReader();
  const said = events.flatMap((event): readonly ChoiceEvent[] => read({ index: 0, choice: 0, event }));
  expect(said.at(-1)!.event.type).toBe("finished");
  const collector = new ChoiceCollector({ logprobs: true });
  for (const one of said) collector.note(one);
  return collector.whole;
}

test.each([
  ["<think>\nhm\n</think>\n\nYes.", "possible", "\nhm\n", "Yes."],
  [" \n<think>hm</think>Yes.", "possible", "hm", "Yes."],
  ["hm</think>\n\nYes.", "open", "hm", "Yes."],
  ["hm</think>\n\n The town", "open", "hm", "The town"],
  ["hm</thin", "open", "hm</thin", ""],
  ["Yes. <think>no</think>", "possible", "", "Yes. <think>no</think>"],
  ["<thin", "possible", "", "<thin"],
  ["", "possible", "", ""],
  [" ", "possible", "", " "],
  ["<think></think>", "possible", "", ""],
  ["  Yes.", "possible", "", "  Yes."],
] as const)("%j (%s) is thought %j and answer %j, however it is cut", (text, reasoning, ...said) => {
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), fc.nat(9), (cuts, late) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      const pieces = places.slice(1).map((end, at) => text.slice(places[at], end));
      const it = readPieces(pieces, reasoning, late);
      expect([it.reasoning, it.text]).toEqual(said);
      expect(areTokensOf(it.text, it.logprobs!)).toBe(true);
    }),
  );
});

test("a model that does not reason is left as it is", () => {
  expect(readPieces(["<think>", "a</think>"])).toMatchObject({ reasoning: "", text: "<think>a</think>" });
});

test("a token that begins in the space before the answer is a part of it", () => {
  const { text, logprobs } = readPieces(["hm</think>", "\n\n", " The", " town"], "open");
  expect(text).toBe("The town");
  expect(logprobs!.map(({ token, begin }) => [token, begin])).toEqual([
    [2, 0],
    [3, 3],
  ]);
});

test("tokens of thoughts are forgotten at once", () => {
  const read = reasoningReader();
  const say = (event: GenerationEvent) => read({ index: 0, choice: 0, event });
  say({ type: "admitted", promptTokens: [1], reasoning: "open" });
  let looks = 0;
  for (const event of tokenDeltas([...Array<string>(500).fill("hm "), "</think>", "Yes."])) {
    const [token] = event.type === "text-delta" ? (event.logprobs ?? []) : [];
    if (token !== undefined) {
      const { begin } = token;
      Object.defineProperty(token, "begin", { get: () => (looks++, begin) });
    }
    looks = 0;
    say(event);
    expect(looks).toBeLessThan(20);
  }
});
