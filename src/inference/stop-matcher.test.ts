import fc from "fast-check";
import { expect, test } from "vitest";
import { StopMatcher } from "./stop-matcher.ts";

/** The answer and whether it stopped, for a text that comes in pieces. */
function answer(stops: readonly string[], pieces: readonly string[]) {
  const matcher = new StopMatcher(stops);
  let text = "";
  for (const piece of pieces) {
    const matched = matcher.push(piece);
    text += matched.text;
    if (matched.stopped) return { text, stopped: true };
  }
  return { text: text + matcher.flush(), stopped: false };
}

/** The definition: the shortest beginning of the text that ends with a stop string, less the longest such string. */
function definition(stops: readonly string[], text: string) {
  for (let end = 1; end <= text.length; end++) {
    const found = stops.filter((stop) => text.slice(0, end).endsWith(stop)).map((stop) => stop.length);
    if (found.length > 0) return { text: text.slice(0, end - Math.max(...found)), stopped: true };
  }
  return { text, stopped: false };
}

test("a stop string spread over three pieces is no part of the answer", () => {
  expect(answer(["END."], ["so it goes E", "N", "D. and more"])).toEqual({ text: "so it goes ", stopped: true });
});

test("what only looked like a stop string comes out when it cannot become one, and at the end", () => {
  const matcher = new StopMatcher(["END"]);
  expect(matcher.push("the EN")).toEqual({ text: "the ", stopped: false });
  expect(matcher.push("EN")).toEqual({ text: "EN", stopped: false });
  expect(matcher.flush()).toBe("EN");
});

test("no stop strings: everything goes through", () => {
  expect(new StopMatcher([]).push("text")).toEqual({ text: "text", stopped: false });
});

test("for any text, stop strings and pieces: the definition, and never more is let out than that", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 4 }), fc.array(letters, { maxLength: 12 }), (stops, pieces) => {
      expect(answer(stops, pieces)).toEqual(definition(stops, pieces.join("")));
    }),
    { numRuns: 2000 },
  );
});
