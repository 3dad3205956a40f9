import fc from "fast-check";
import { expect, test } from "vitest";
import type { TokenLogprobs } from "../../core/generation.ts";
import { AnswerLogprobs, chatLogprobs, completionLogprobs, type PlacedLogprobs } from "./logprobs.ts";

const entry = (begin: number, text = "x", over: Partial<TokenLogprobs> = {}): TokenLogprobs => ({
  token: 7,
  bytes: [...Buffer.from(text)],
  isControl: false,
  logprob: -0.5,
  begin,
  top: [],
  ...over,
});
const placed = (text: string, over: Partial<PlacedLogprobs> = {}): PlacedLogprobs => ({
  ...entry(0, text),
  offset: 0,
  ...over,
});
const delta = (text: string, ...logprobs: TokenLogprobs[]) => ({
  type: "text-delta" as const,
  text,
  tokens: logprobs.map(({ token }) => token),
  logprobs,
});

test("tokens come with the text in which theirs begins", () => {
  const answer = new AnswerLogprobs();
  const begins = (...parts: Parameters<typeof delta>) => answer.take(delta(...parts)).map(({ begin }) => begin);
  expect(begins("one", entry(0))).toEqual([0]);
  expect(begins("", entry(3), entry(3))).toEqual([]); // two parts of an emoji
  expect(begins("👋", entry(3))).toEqual([3, 3, 3]);
  expect(begins(" t", entry(5))).toEqual([5]); // the end of it could begin a stop string
  expect(begins("", entry(9))).toEqual([]);
  expect(begins("wo")).toEqual([]);
  expect(begins("!")).toEqual([9]);
});

test("of a prompt that is scored every token is told, at once, and behind it the one that ends the answer", () => {
  const answer = new AnswerLogprobs();
  const count = 30_000;
  const prompt = Array.from({ length: count }, (_, at) => entry(2 * at, "é "));
  const placed = answer.take({ ...delta("é ".repeat(count), ...prompt, entry(2 * count, "")), ofPrompt: true });
  expect(placed.map(({ offset }) => offset)).toEqual(Array.from({ length: count + 1 }, (_, at) => 2 * at));
  expect(answer.take(delta("", entry(2 * count, "<|eos|>", { isControl: true })))).toEqual([]);
  expect(answer.rest()).toMatchObject([{ offset: 2 * count }]);
  const plain = new AnswerLogprobs();
  plain.take(delta("", entry(0, "<|eos|>", { isControl: true })));
  expect(plain.rest()).toEqual([]);
});

test("however texts are cut and held back, every token is said once, in order, and at its character", () => {
  const words = fc.array(fc.constantFrom("a", "é", "👋", "👋 end"), { maxLength: 12 });
  fc.assert(
    fc.property(words, fc.array(fc.nat(3)), (words, holds) => {
      const answer = new AnswerLogprobs();
      const found: PlacedLogprobs[] = [];
      let held = "";
      let begin = 0;
      words.forEach((word, index) => {
        held += word;
        const characters = Array.from(held);
        const out = characters.slice(0, Math.max(0, characters.length - (holds[index] ?? 0))).join("");
        held = held.slice(out.length);
        found.push(...answer.take(delta(out, entry(begin, word))));
        begin += word.length;
      });
      found.push(...answer.take(delta(held)));
      expect(found.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(words);
      const offsets = words.map((_, index) => Array.from(words.slice(0, index).join("")).length);
      expect(found.map(({ offset }) => offset)).toEqual(offsets);
    }),
  );
});

test("a chat's tokens: parts of characters are escaped, control tokens have no bytes", () => {
  const part = { bytes: [0xf0, 0x9f] };
  const eos = { token: 1, bytes: [...Buffer.from("<|eos|>")], isControl: true, logprob: -9999 };
  expect(chatLogprobs([placed("Hi", { top: [eos] }), placed("", part)])).toEqual({
    content: [
      {
        token: "Hi",
        logprob: -0.5,
        bytes: [72, 105],
        top_logprobs: [{ token: "<|eos|>", logprob: -9999, bytes: null }],
      },
      { token: "\\xf0\\x9f", logprob: -0.5, bytes: [0xf0, 0x9f], top_logprobs: [] },
    ],
    refusal: null,
  });
});

test("a completion's tokens: the chosen one is among the likeliest, whatever its text", () => {
  const likely = { token: 7, bytes: [97], isControl: false };
  const top = [
    { ...likely, logprob: -0.1 },
    { ...likely, logprob: -0.4 },
  ];
  const answer = completionLogprobs([placed("__proto__", { top, offset: 3 }), placed("", { bytes: [0x9f] })]);
  expect(JSON.parse(JSON.stringify(answer))).toEqual({
    tokens: ["__proto__", "bytes:\\x9f"],
    token_logprobs: [-0.5, -0.5],
    top_logprobs: [JSON.parse('{"a":-0.1,"__proto__":-0.5}'), { "bytes:\\x9f": -0.5 }],
    text_offset: [3, 0],
  });
  expect(completionLogprobs([placed("First", { logprob: null })])).toMatchObject({
    token_logprobs: [null],
    top_logprobs: [null],
  });
});
