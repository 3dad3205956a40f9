import fc from "fast-check";
import { expect, test } from "vitest";
import type { ChoiceEvent, FinishReason, GenerationEvent } from "../../core/generation.ts";
import { ChoiceCollector } from "./answer.ts";
import { areTokensOf, tokenDeltas } from "./testing.ts";
import { toolCallReader, type CallReading } from "./tool-calls.ts";

const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1 };
const both: CallReading = { names: new Set(["weather", "time"]), most: Infinity, marksOnly: false };

/** What a reader makes of pieces, each a token. */
function readPieces(
  pieces: readonly string[],
  reading = both,
  { reason = "stop", late = 0 }: { readonly reason?: FinishReason; readonly late?: number } = {},
) {
  const read = toolCallReader(reading);
  const collector = new ChoiceCollector({ logprobs: true });
  const events: GenerationEvent[] = [...tokenDeltas(pieces, late), { type: "finished", reason, usage }];
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
const cityCall = (rest: string) => ({ name: "weather", arguments: `{"city": "Rome"${rest}` });
const cutRome = '{"name": "weather", "arguments": {"city": "Rome"';

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
  // Brackets that are missing, or too many
  [`<tool_call>\n${cutRome}}\n</tool_call>\nAnd:\n${hermes(now)}`, "\nAnd:", [cityCall("}"), nowCall]],
  [`<tool_call>\n${cutRome}\n</tool_call>\nI asked.`, "\nI asked.", [cityCall("\n")]],
  [`<tool_call>\n${cutRome}} and I asked.`, " and I asked.", [cityCall("}")]],
  [`<tool_call>\n${cutRome}}, "a": {"b": 1}\n</tool_call>\nSo.`, "\nSo.", [cityCall("}")]],
  [`<tool_call>\n${cutRome}}, "a": "b`, ', "a": "b', [cityCall("}")]],
  [hermes(`${now}}`), "", [nowCall]],
  [`<tool_call>\n${now}\n</tool_c`, "", [nowCall]],
  [hermes(`${now}\n${rome}`), "", [nowCall, romeCall]],
  [`${hermes(now)}</tool_call> ok`, "</tool_call> ok", [nowCall]],
  // Llama 3, Mistral
  ['{"name": "time", "parameters": {}}', "", [nowCall]],
  [' {"type": "function", "name": "time", "parameters": {}}', "", [nowCall]],
  ['{"name": "time", "parameters": {}}; {"name": "time", "parameters": {}}', "", [nowCall, nowCall]],
  [`[${rome}, ${now}]`, "", [romeCall, nowCall]],
  [`[${rome}]\nDone.`, "\nDone.", [romeCall]],
  [`${rome}, {"a": 1}`, ', {"a": 1}', [romeCall]],
])("%j says %j and calls %j, however it is cut", (text, ...expected) => {
  cuts(text, (pieces) => {
    const it = readPieces(pieces);
    expect([it.text, it.calls]).toEqual(expected);
    expect(it.reason).toBe("tool_calls");
    expect(areTokensOf(it.text, it.logprobs!)).toBe(true);
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
  '{"name": "weather", "temperature": 25, "comment": "sunny"}',
  '{"name": "time"}',
  '{"answer": {"name": "time", "parameters": {}}}',
  '[{"a": 1}]',
  "[",
  '{"nam',
  'Say {"name": "time", "parameters": {}}',
])("%j calls nothing, and nothing of it is lost", (text) => {
  cuts(text, (pieces) => {
    const it = readPieces(pieces);
    expect(it).toMatchObject({ text, calls: [], reason: "stop" });
    expect(areTokensOf(it.text, it.logprobs!)).toBe(true);
  });
});

test("of a call that is cut off the arguments are, and the reason tells", () => {
  const text = '<tool_call>\n{"name": "weather", "arguments": {"city": "Ro';
  cuts(text, (pieces) => {
    const cut = { text: "", calls: [{ name: "weather", arguments: '{"city": "Ro' }] };
    expect(readPieces(pieces, both, { reason: "length" })).toMatchObject({ ...cut, reason: "length" });
    expect(readPieces(pieces)).toMatchObject({ ...cut, reason: "stop" });
  });
});

test("calls beyond the most are left out", () => {
  cuts(hermes(rome, now), (pieces) =>
    expect(readPieces(pieces, { ...both, most: 1 })).toMatchObject({ calls: [romeCall], reason: "tool_calls" }),
  );
});

test("any text is said as it is, but for its calls, and none is lost beside them; the cuts change nothing", () => {
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
    "ω",
    '{"name"',
    cutRome,
    `${cutRome}}`,
  );
  const count = (text: string) => text.split("ω").length;
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.array(fc.nat(200)), fc.nat(9), (parts, places, late) => {
      const text = parts.join("");
      const all = [0, ...places.filter((at) => at < text.length).toSorted((a, b) => a - b), text.length];
      const whole = readPieces([text]);
      const pieces = all.slice(1).map((end, at) => text.slice(all[at], end));
      const cut = readPieces(pieces, both, { late });
      expect({ ...cut, logprobs: [] }).toEqual({ ...whole, logprobs: [] });
      if (whole.calls!.length === 0) expect(whole.text).toBe(text);
      const calls = whole.calls!.map((call) => call.arguments);
      expect(count([whole.text, ...calls].join(""))).toBe(count(text));
      expect(areTokensOf(cut.text, cut.logprobs!)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
