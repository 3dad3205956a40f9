import fc from "fast-check";
import { expect, test } from "vitest";
import type { GenerationEvent } from "../../core/generation.ts";
import type { FormatEvent } from "./answer.ts";
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
function chunksOf(format: FormatEvent, texts: readonly string[]): Chunk[] {
  const events: GenerationEvent[] = [
    { type: "admitted", promptTokens: [1] },
    ...texts.map((text) => ({ type: "text-delta" as const, text, tokens: [1] })),
    { type: "finished", reason: "length", usage },
  ];
  const frames = events.map(format).join("").split("\n\n");
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
  expect(
    chatStream(header, { includeUsage: false, logprobs: false })({ type: "text-delta", text: "", tokens: [1] }),
  ).toBe("");
});

test("whole answers", () => {
  const answer = { text: "Hi", reason: "stop" as const, usage, logprobs: undefined };
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
    ],
    usage: usageOnWire,
  });
  expect(formatCompletion(header, answer)).toEqual({
    id: "cmpl-abc",
    object: "text_completion",
    created: 1_700_000_000,
    model: 'a "quoted" model',
    choices: [{ text: "Hi", index: 0, logprobs: null, finish_reason: "stop" }],
    usage: usageOnWire,
  });
});
