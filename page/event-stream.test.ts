import fc from "fast-check";
import { expect, test } from "vitest";
import { EventStreamReader } from "./event-stream.ts";

test("events are the same in whatever pieces they arrive", () => {
  const sent = ['{"a":"\\n\\n"}', "data: within", "[DONE]"];
  const text = `: a comment\n\n${sent.map((data) => `event: x\ndata: ${data}\n\n`).join("")}data: half`;
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      const ends = [...cuts.toSorted((a, b) => a - b), text.length];
      const reader = new EventStreamReader();
      expect(ends.flatMap((end, i) => reader.read(text.slice(ends[i - 1] ?? 0, end)))).toEqual(sent);
    }),
  );
});
