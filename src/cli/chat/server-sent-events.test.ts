import fc from "fast-check";
import { expect, test } from "vitest";
import { serverSentEvents } from "./server-sent-events.ts";

async function* inPieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const cut of [...cuts, bytes.length].map((at) => Math.min(at, bytes.length)).toSorted((a, b) => a - b)) {
    yield bytes.subarray(from, cut);
    from = cut;
  }
}

async function read(text: string, cuts: readonly number[] = []): Promise<string[]> {
  const events: string[] = [];
  for await (const data of serverSentEvents(inPieces(new TextEncoder().encode(text), cuts))) events.push(data);
  return events;
}

test("events, however lines end; comments, names and what was cut off are no data", async () => {
  expect(await read("data: a\n\ndata:b\r\n\r\ndata: c\rdata: d\r\r: hi\n\nevent: x\nid: 1\n\ndata: cut")).toEqual([
    "a",
    "b",
    "c\nd",
  ]);
});

test("the same events wherever the bytes are cut", async () => {
  const line = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n]/g, ""));
  const end = fc.constantFrom("\n", "\r\n");
  await fc.assert(
    fc.asyncProperty(fc.array(line), end, fc.array(fc.nat(200)), async (datas, end, cuts) => {
      const text = datas.map((data) => `data: ${data}${end}${end}`).join("");
      expect(await read(text, cuts)).toEqual(datas);
    }),
  );
});

test("a line without an end is refused before it fills the memory", async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array(1024 * 1024).fill(97);
  }
  await expect(serverSentEvents(endless()).next()).rejects.toThrow("too long");
});
