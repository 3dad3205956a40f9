import { expect, test } from "vitest";
import { openFakeVocabulary } from "../src/engine/fake/fake-engine.ts";
import { PromptScore } from "../src/inference/prompt-score.ts";

const vocabulary = openFakeVocabulary("");

test("a prompt's tokens stand where their text begins, the first without a probability", () => {
  const prompt = vocabulary.tokenize("The é", { parseSpecial: false, addSpecial: true });
  const score = new PromptScore(prompt, { top: 2, vocabulary });
  const logits = new Float32Array(vocabulary.size);
  for (let position = 1; position < prompt.length; position++) score.score(logits, position);
  const { text, logprobs } = score.whole;
  expect(text).toBe("The é");
  expect(logprobs.map(({ token, begin }) => [token, begin])).toEqual(
    [...prompt].map((token, at) => [token, [0, 0, 3, 4, 4][at]]),
  );
  expect(logprobs.map(({ logprob }) => logprob)).toEqual([
    null,
    ...Array(4).fill(expect.closeTo(-Math.log(vocabulary.size), 5)),
  ]);
  expect(logprobs.map(({ top }) => top.length)).toEqual([0, 2, 2, 2, 2]);
});
