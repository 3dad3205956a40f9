import fc from "fast-check";
import { expect, test } from "vitest";
import type { ChoiceEvent, GenerationEvent } from "../../core/generation.ts";
import { reasoningReader } from "./reasoning.ts";

const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1 };

/** What a reader makes of pieces, each a token. */
function readPieces(pieces: readonly string[], reasoning?: "open" | "possible") {
  let begin = 0;
  const deltas = pieces.map((text, token): GenerationEvent => {
    const logprob = { token, bytes: [...Buffer.from(text)], isControl: false, logprob: -1, begin, top: [] };
    begin += text.length;
    return { type: "text-delta", text, tokens: [token], logprobs: [logprob] };
  });
  const events: GenerationEvent[] = [
    { type: "admitted", promptTokens: [1], ...(reasoning && { reasoning }) },
    ...deltas,
    { type: "finished", reason: "stop", usage },
  ];
  const read = reasoningReader();
  const said = events.flatMap((event): readonly ChoiceEvent[] => read({ index: 0, choice: 0, event }));
  expect(said.at(-1)!.event.type).toBe("finished");
  const texts = said.map(({ event }) => (event.type === "text-delta" ? event.text : ""));
  const tokens = said.flatMap(({ event }) => (event.type === "text-delta" ? (event.logprobs ?? []) : []));
  return { thought: said.map((one) => one.reasoning ?? "").join(""), answer: texts.join(""), tokens };
}

test.each([
  ["<think>\nhm\n</think>\n\nYes.", "possible", "\nhm\n", "Yes."],
  [" \n<think>hm</think>Yes.", "possible", "hm", "Yes."],
  ["hm</think>\n\nYes.", "open", "hm", "Yes."],
  ["hm</thin", "open", "hm</thin", ""],
  ["Yes. <think>no</think>", "possible", "", "Yes. <think>no</think>"],
  ["<thin", "possible", "", "<thin"],
  ["", "possible", "", ""],
  ["<think></think>", "possible", "", ""],
  ["  Yes.", "possible", "", "  Yes."],
] as const)("%j (%s) is thought %j and answer %j, however it is cut", (text, reasoning, ...said) => {
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      const pieces = places.slice(1).map((end, at) => text.slice(places[at], end));
      const it = readPieces(pieces, reasoning);
      expect([it.thought, it.answer]).toEqual(said);
      // A token of the answer begins where its text does.
      for (const { begin, bytes } of it.tokens) {
        const piece = Buffer.from(bytes).toString();
        expect(it.answer.slice(begin, begin + piece.length)).toBe(piece);
      }
    }),
  );
});

test("a model that does not reason is left as it is", () => {
  expect(readPieces(["<think>", "a</think>"])).toMatchObject({ thought: "", answer: "<think>a</think>" });
});
