import { Duplex } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Channel, LineSplitter } from "./channel.ts";
import { ProtocolError } from "./message-schemas.ts";

/** Two ends of a pipe in memory that keeps the chunks as they were written. */
function pair(): { near: Duplex; far: Duplex; written: string[] } {
  const written: string[] = [];
  const far = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const near = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      far.push(chunk);
      done();
    },
  });
  return { near, far, written };
}

function parse(value: unknown): unknown {
  if (typeof value !== "object") throw new ProtocolError("not an object");
  return value;
}

function collect(stream: Duplex): { messages: unknown[]; ends: (string | undefined)[] } {
  const messages: unknown[] = [];
  const ends: (string | undefined)[] = [];
  void new Channel(stream, {
    parse,
    onMessage: (message) => messages.push(message),
    onEnd: (error) => ends.push(error?.message),
  });
  return { messages, ends };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("lines are the same however the bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary" })),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (texts, cuts) => {
        const lines = texts.map((text) => JSON.stringify(text));
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const splitter = new LineSplitter();
        const seen: string[] = [];
        for (let from = 0; from < bytes.length;) {
          const to = from + cuts.next().value!;
          seen.push(...splitter.push(bytes.subarray(from, to)));
          from = to;
        }
        expect(seen.map((line) => JSON.parse(line) as unknown)).toEqual(
          lines.map((line) => JSON.parse(line) as unknown),
        );
        expect(splitter.rest()).toBe("");
      },
    ),
    { numRuns: 30 },
  );
});

test("a line that never ends is refused before it fills the memory", () => {
  const splitter = new LineSplitter(10);
  expect(splitter.push(Buffer.from("0123456789\n"))).toEqual(["0123456789"]);
  splitter.push(Buffer.from("01234"));
  expect(() => splitter.push(Buffer.from("567890"))).toThrow(ProtocolError);
});

test("what is sent in one turn is one write", async () => {
  const { near, far, written } = pair();
  const { messages } = collect(far);
  const channel = new Channel(near, { parse: String, onMessage: () => {}, onEnd: () => {} });
  channel.send({ a: 1 });
  channel.send({ b: "\n" });
  await turn();
  await turn();
  expect(written).toEqual(['{"a":1}\n{"b":"\\n"}\n']);
  expect(messages).toEqual([{ a: 1 }, { b: "\n" }]);
});

test.each([
  ["no JSON", "nonsense\n", "a message is not JSON: nonsense"],
  ["not in the vocabulary", "7\n", "not an object"],
])("%s ends the channel, once, and nothing is delivered after it", async (_name, bytes, problem) => {
  const { near, far } = pair();
  const { messages, ends } = collect(far);
  near.write(`{"first":1}\n${bytes}{"second":2}\n`);
  near.write('{"third":3}\n');
  await turn();
  await turn();
  expect(messages).toEqual([{ first: 1 }]);
  expect(ends).toEqual([problem]);
});

test("the end of the stream is told without an error", async () => {
  const { far } = pair();
  const { ends } = collect(far);
  far.push(null);
  await turn();
  await turn();
  expect(ends).toEqual([undefined]);
});
