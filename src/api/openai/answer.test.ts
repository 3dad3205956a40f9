import fc from "fast-check";
import { expect, test } from "vitest";
import type { GenerationEvent } from "../../core/generation.ts";
import { ChoiceCollector, type StreamFormat } from "./answer.ts";
import { chatStream, formatChat } from "./chat-answer.ts";
import { completionStream, formatCompletion } from "./completion-answer.ts";

const header = { requestId: "req-abc", created: 1_700_000_000, model: 'a "quoted" model' };
const usage = { promptTokens: 5, cachedTokens: 3, completionTokens: 2 };
const usageOnWire = {
  prompt_tokens: 5,
  completion_tokens: 2,
  total_tokens: 7,
  prompt_tokens_details: { cached_tokens: 3 },
};

interface Chunk {
  id: string;
  choices: { delta?: { content?: string }; text?: string; finish_reason: string | null }[];
  usage?: object | null;
}

/** The chunks of a stream that says the texts; checks the frame around them. */
function chunksOf(format: StreamFormat, texts: readonly string[]): Chunk[] {
  const events: GenerationEvent[] = [
    { type: "admitted", promptTokens: [1] },
    ...texts.map((text) => ({ type: "text-delta" as const, text, tokens: [1] })),
    { type: "finished", reason: "length", usage },
  ];
  const said = events.map((event) => format.event({ index: 0, choice: 0, event }));
  const frames = [...said, format.end(usage)].join("").split("\n\n");
  expect(frames.splice(-2)).toEqual(["data: [DONE]", ""]);
  return frames.map((frame) => {
    expect(frame.startsWith("data: ")).toBe(true);
    return JSON.parse(frame.slice(6)) as Chunk;
  });
}

test("the streamed text is the text, whatever characters it has", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), fc.boolean(), (texts, withUsage) => {
      for (const stream of [chatStream, completionStream]) {
        const chunks = chunksOf(stream(header, { includeUsage: withUsage, logprobs: false }), texts);
        const said = chunks.map(({ choices: [choice] }) => choice?.delta?.content ?? choice?.text ?? "");
        expect(said.join("")).toBe(texts.join(""));
        const last = withUsage ? chunks.pop()! : undefined;
        if (last !== undefined) expect([last.choices, last.usage]).toEqual([[], usageOnWire]);
        expect(chunks.every((chunk) => chunk.usage === (withUsage ? null : undefined))).toBe(true);
        expect(chunks.pop()!.choices[0]!.finish_reason).toBe("length");
        expect(chunks.every(({ choices }) => choices[0]!.finish_reason === null)).toBe(true);
      }
    }),
    { numRuns: 50 },
  );
});

test("chunks say who they are", () => {
  const common = { created: 1_700_000_000, model: 'a "quoted" model' };
  for (const chunk of chunksOf(chatStream(header, { includeUsage: true, logprobs: false }), ["a"]))
    expect(chunk).toMatchObject({ ...common, id: "chatcmpl-abc", object: "chat.completion.chunk" });
  for (const chunk of chunksOf(completionStream(header, { includeUsage: true, logprobs: false }), ["a"]))
    expect(chunk).toMatchObject({ ...common, id: "cmpl-abc", object: "text_completion" });
});

test("a text that says nothing makes no chunk", () => {
  const { event } = chatStream(header, { includeUsage: false, logprobs: false });
  expect(event({ index: 0, choice: 0, event: { type: "text-delta", text: "", tokens: [1] } })).toBe("");
});

test("an echo is the first chunk of each completion", () => {
  const { event } = completionStream(header, { includeUsage: false, logprobs: false });
  const chunk = event({ index: 1, choice: 0, event: { type: "admitted", promptTokens: [1] }, echo: "b" });
  expect((JSON.parse(chunk.slice(6)) as Chunk).choices).toEqual([
    { text: "b", index: 1, logprobs: null, finish_reason: null },
  ]);
});

test("whole answers", () => {
  const choice = { text: "Hi", reason: "stop" as const, logprobs: undefined };
  const answer = { choices: [choice, { ...choice, text: "Ho" }], usage };
  expect(formatChat(header, answer)).toEqual({
    id: "chatcmpl-abc",
    object: "chat.completion",
    created: 1_700_000_000,
    model: 'a "quoted" model',
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "Hi", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
      {
        index: 1,
        message: { role: "assistant", content: "Ho", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: usageOnWire,
  });
  expect(formatCompletion(header, answer)).toEqual({
    id: "cmpl-abc",
    object: "text_completion",
    created: 1_700_000_000,
    model: 'a "quoted" model',
    choices: [
      { text: "Hi", index: 0, logprobs: null, finish_reason: "stop" },
      { text: "Ho", index: 1, logprobs: null, finish_reason: "stop" },
    ],
    usage: usageOnWire,
  });
});

test("a stream's chunks name their choice, and say the logprobs of a collected one", () => {
  const events: GenerationEvent[] = ["Hel", "", "lo"].map((text, at) => ({
    type: "text-delta",
    text,
    tokens: [at],
    logprobs: [
      { token: at, bytes: [...Buffer.from(text)], isControl: false, logprob: -at, begin: at === 0 ? 0 : 3, top: [] },
    ],
  }));
  const options = { includeUsage: false, logprobs: true };
  const collector = new ChoiceCollector({ logprobs: true });
  for (const event of events) collector.note({ event });
  collector.note({ event: { type: "finished", reason: "length", usage } });
  const answer = { choices: [collector.whole], usage };
  for (const [format, whole] of [
    [chatStream(header, options), formatChat(header, answer)],
    [completionStream(header, options), formatCompletion(header, answer)],
  ] as const) {
    const chunks = events
      .map((event) => format.event({ index: 4, choice: 4, event }))
      .filter((chunk) => chunk !== "")
      .map((chunk) => (JSON.parse(chunk.slice(6)) as Told).choices[0]!);
    expect(chunks.map(({ index }) => index)).toEqual([4, 4]);
    expect(chunks.flatMap(lengthsOf)).toEqual([1, 2]);
    expect(lengthsOf((whole as Told).choices[0]!)).toEqual([3]);
  }
});

interface Told {
  choices: { index: number; logprobs: { content?: unknown[]; tokens?: unknown[] } }[];
}

const lengthsOf = ({ logprobs }: Told["choices"][number]) => [(logprobs.content ?? logprobs.tokens)!.length];
