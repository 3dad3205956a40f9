import fc from "fast-check";
import { expect, test } from "vitest";
import type { ChoiceEvent, FinishReason, GenerationEvent } from "../../core/generation.ts";
import { ChoiceCollector } from "./answer.ts";
import { toolCallReader, type CallReading } from "./tool-calls.ts";

const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1 };
const both: CallReading = { names: new Set(["weather", "time"]), most: Infinity, marksOnly: false };

/** What a reader makes of pieces, each a token. */
function readPieces(pieces: readonly string[], reading = both, reason: FinishReason = "stop") {
  let begin = 0;
  const deltas = pieces.map((text, token): GenerationEvent => {
    const logprob = { token, bytes: [...Buffer.from(text)], isControl: false, logprob: -1, begin, top: [] };
    begin += text.length;
    return { type: "text-delta", text, tokens: [token], logprobs: [logprob] };
  });
  const read = toolCallReader(reading);
  const collector = new ChoiceCollector({ logprobs: true });
  const events: GenerationEvent[] = [...deltas, { type: "finished", reason, usage }];
  const said = events.flatMap((event): readonly ChoiceEvent[] => read({ index: 0, choice: 0, event }));
  for (const one of said) collector.note(one);
  return collector.whole;
}

/** However a text is cut into pieces. */
function cuts(text: string, check: (pieces: readonly string[]) => void): void {
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (places) => {
      const all = [0, ...places.toSorted((a, b) => a - b), text.length];
      check(all.slice(1).map((end, at) => text.slice(all[at], end)));
    }),
  );
  check(Array.from(text));
}

const hermes = (...calls: readonly string[]) => calls.map((call) => `<tool_call>\n${call}\n</tool_call>`).join("\n");
const rome = '{"name": "weather", "arguments": {"city": "Ro}m\\"e", "days": [1, {}]}}';
const now = '{"name": "time", "arguments": {}}';
const romeCall = { name: "weather", arguments: '{"city": "Ro}m\\"e", "days": [1, {}]}' };
const nowCall = { name: "time", arguments: "{}" };

test.each([
  [hermes(rome), "", [romeCall]],
  [`${hermes(rome, now)}\n`, "", [romeCall, nowCall]],
  [`\n${hermes(now)}`, "", [nowCall]],
  [`Let me look.\n\n${hermes(now)}`, "Let me look.", [nowCall]],
  [`${hermes(now)}\nThat is it.`, "\nThat is it.", [nowCall]],
  [`a${hermes(now)}b${hermes(now)}`, "ab", [nowCall, nowCall]],
  ['<tool_call>{"name":"time","arguments":{}}</tool_call>', "", [nowCall]],
  ['<tool_call>{"name": "time", "arguments": {}}', "", [nowCall]], // it forgot the mark
  ['<tool_call>{"name": "time", "arguments": {}, "id": {"a": 1}}</tool_call>', "", [nowCall]],
  ['<tool_call>{"arguments": {"a": 1}, "name": "time"}</tool_call>', "", [{ name: "time", arguments: '{"a":1}' }]],
  [
    '<tool_call>{"name": "time", "arguments": "{\\"a\\": 1}"}</tool_call>',
    "",
    [{ name: "time", arguments: '{"a": 1}' }],
  ],
  ['<tool_call>{"name": "time"}</tool_call>', "", [nowCall]],
  // Llama 3, Mistral
  ['{"name": "time", "parameters": {}}', "", [nowCall]],
  [' {"type": "function", "name": "time", "parameters": {}}', "", [nowCall]],
  ['{"name": "time", "parameters": {}}; {"name": "time", "parameters": {}}', "", [nowCall, nowCall]],
  [`[${rome}, ${now}]`, "", [romeCall, nowCall]],
])("%j says %j and calls %j, however it is cut", (text, ...expected) => {
  cuts(text, (pieces) => {
    const it = readPieces(pieces);
    expect([it.text, it.calls]).toEqual(expected);
    expect(it.reason).toBe("tool_calls");
    for (const { begin, bytes } of it.logprobs!) {
      if (bytes.length > 0) expect(Buffer.from(bytes).toString()[0]).toBe(it.text[begin]);
    }
  });
});

test.each([
  "",
  "Hello.",
  "  a <b> ",
  "<tool_call>",
  "<tool_call>{",
  "a <tool_call> b",
  '<tool_call>{"name": "dance", "arguments": {}}</tool_call>',
  '<tool_call>{"name": "time", "arguments": [1]}</tool_call>',
  '<tool_call>{"name": "time", broken}</tool_call> and on',
  '{"name": "Bob", "age": 3}',
  '{"answer": {"name": "time", "parameters": {}}}',
  '[{"a": 1}]',
  "[",
  '{"nam',
  'Say {"name": "time", "parameters": {}}',
])("%j calls nothing, and nothing of it is lost", (text) => {
  cuts(text, (pieces) => {
    expect(readPieces(pieces)).toMatchObject({ text, calls: [], reason: "stop" });
  });
});

test("of a call that is cut off the arguments are, and the reason tells", () => {
  const text = '<tool_call>\n{"name": "weather", "arguments": {"city": "Ro';
  cuts(text, (pieces) => {
    const cut = { text: "", calls: [{ name: "weather", arguments: '{"city": "Ro' }] };
    expect(readPieces(pieces, both, "length")).toMatchObject({ ...cut, reason: "length" });
    expect(readPieces(pieces)).toMatchObject({ ...cut, reason: "stop" });
  });
});

test("calls beyond the most are left out", () => {
  cuts(hermes(rome, now), (pieces) =>
    expect(readPieces(pieces, { ...both, most: 1 })).toMatchObject({ calls: [romeCall], reason: "tool_calls" }),
  );
});

test("any text is said as it is, but for its calls; the cuts change nothing", () => {
  const part = fc.constantFrom(
    "<tool_call>",
    "</tool_call>",
    rome,
    now,
    "{",
    "}",
    '"',
    " ",
    "\n",
    "[",
    "]",
    "a",
    '{"name"',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.array(fc.nat(200)), (parts, places) => {
      const text = parts.join("");
      const all = [0, ...places.filter((at) => at < text.length).toSorted((a, b) => a - b), text.length];
      const whole = readPieces([text]);
      const cut = readPieces(all.slice(1).map((end, at) => text.slice(all[at], end)));
      expect({ ...cut, logprobs: [] }).toEqual({ ...whole, logprobs: [] });
      if (whole.calls!.length === 0) expect(whole.text).toBe(text);
    }),
    { numRuns: 2000 },
  );
});
