import { expect, test } from "vitest";
import { AnswerTiming } from "./answer-timing.ts";
import { toMessages } from "./conversation.ts";

test("the model is told what was answered, and the last question", () => {
  const turns = [
    { question: "a", answer: "A" },
    { question: "failed", answer: "" },
    { question: "b", answer: "stopped ha" },
    { question: "c", answer: "" },
  ];
  expect(toMessages("Be kind.", turns).map(({ role, content }) => `${role} ${content}`)).toEqual([
    "system Be kind.",
    "user a",
    "assistant A",
    "user b",
    "assistant stopped ha",
    "user c",
  ]);
  expect(toMessages("  ", turns.slice(0, 1))).toEqual([{ role: "user", content: "a" }]);
});

test("a rate is of the tokens after the first, counted by the server where it did", () => {
  const timing = new AnswerTiming(1000);
  expect(timing.describe()).toBe("");
  timing.text(1120);
  expect(timing.describe()).toBe("about 1 token · first after 120 ms");
  timing.text(1620);
  timing.text(2120);
  expect(timing.describe()).toBe("about 3 tokens · 2.0 tokens/s · first after 120 ms");
  expect(timing.describe(5)).toBe("5 tokens · 4.0 tokens/s · first after 120 ms");
  const slow = new AnswerTiming(0);
  slow.text(2345);
  expect(slow.describe(1)).toBe("1 token · first after 2.3 s");
});
