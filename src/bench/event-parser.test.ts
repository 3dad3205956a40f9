import { expect, test } from "vitest";
import fc from "fast-check";
import { EventParser } from "./event-parser.ts";

function parse(texts: readonly string[]): string[] {
  const found: string[] = [];
  const parser = new EventParser((data) => found.push(data));
  for (const text of texts) parser.push(text);
  return found;
}

test.each([
  ["data: {}\n\n", ["{}"]],
  ["data:{}\r\n\r\n", ["{}"]],
  ["data:  two blanks\n\n", [" two blanks"]],
  ["data: a\ndata: b\n\ndata: c\n\n", ["a\nb", "c"]],
  [": comment\nevent: ping\nid: 7\n\n", []],
  ["event: x\ndata: y\nretry: 5\n\n", ["y"]],
  ["data: a\n\ndata: cut of", ["a"]],
  ["data: a\n\ndata: not ended\n", ["a"]],
  ["\n\n\n", []],
  ["data\n\n", []],
])("%j", (text, events) => {
  expect(parse([text])).toEqual(events);
  expect(parse(text.split(""))).toEqual(events);
});

test("finds the same events however the stream is cut", () => {
  const data = fc.array(
    fc.string({ unit: "grapheme" }).filter((text) => !/[\r\n]/.test(text)),
    { minLength: 1 },
  );
  const end = fc.constantFrom("\n", "\r\n");
  fc.assert(
    fc.property(fc.array(data), end, fc.array(fc.nat(40)), (events, end, cuts) => {
      const stream = events.map((lines) => lines.map((line) => `data: ${line}${end}`).join("") + end).join("");
      const pieces: string[] = [];
      let from = 0;
      for (const cut of cuts) {
        pieces.push(stream.slice(from, from + cut));
        from += cut;
      }
      expect(parse([...pieces, stream.slice(from)])).toEqual(events.map((lines) => lines.join("\n")));
    }),
  );
});

test("refuses an event without end", () => {
  const parser = new EventParser(() => {});
  const endless = `data: ${"x".repeat(1 << 20)}`;
  expect(() => {
    for (let i = 0; i < 5; i++) parser.push(endless);
  }).toThrow("too long");
});
