import fc from "fast-check";
import { expect, test } from "vitest";
import { embeddingPieces } from "./embedding-answer.ts";
import type { VectorEncoding } from "./embedding-request.ts";

const answerOf = (vectors: readonly Float32Array[], encoding: VectorEncoding) =>
  JSON.parse([...embeddingPieces({ vectors, promptTokens: 9 }, { model: 'a "model"', encoding })].join(""));

test("vectors are numbers, or the bytes of floats", () => {
  const vectors = [Float32Array.of(0.5, -1), Float32Array.of(0, 2)];
  expect(answerOf(vectors, "float")).toEqual({
    object: "list",
    data: [
      { object: "embedding", index: 0, embedding: [0.5, -1] },
      { object: "embedding", index: 1, embedding: [0, 2] },
    ],
    model: 'a "model"',
    usage: { prompt_tokens: 9, total_tokens: 9 },
  });
  expect(answerOf(vectors, "base64")).toMatchObject({
    data: [{ embedding: "AAAAPwAAgL8=" }, { embedding: "AAAAAAAAAEA=" }],
  });
});

test("every number is the same float when it is read again, and those of usual vectors have few digits", () => {
  fc.assert(
    fc.property(fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 1 }), (vector) => {
      const again = Float32Array.from(answerOf([vector], "float").data[0].embedding as number[]);
      expect(again.map((value) => value + 0)).toEqual(vector.map((value) => value + 0)); // -0 is 0 in JSON
    }),
  );
  const usual = Float32Array.from({ length: 384 }, (_, i) => Math.sin(i) / 14);
  expect(JSON.stringify(answerOf([usual], "float")).length).toBeLessThan(14 * 384);
});
