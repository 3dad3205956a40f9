import { expect, test } from "vitest";
import { vectorFromBase64, type EmbeddingRequest } from "../core/embedding.ts";
import { defaultPlan } from "../core/execution-plan.ts";
import { defaultScheduling } from "../core/scheduling.ts";
import type { Embedder } from "../engine/embedder.ts";
import { EmbeddingLoop } from "./embedding-loop.ts";

/** A text's vector is its first two tokens; a token below zero stands for NaN. */
const embedder = {
  plan: { ...defaultPlan("m", 1), task: "embed" },
  abortFlag: new Uint8Array(1),
  embed: (texts: readonly Int32Array[]) =>
    texts.map((text) => Float32Array.from(text.subarray(0, 2), (token) => (token < 0 ? NaN : token))),
} as unknown as Embedder;

test("a text of which the model makes no numbers ends its request, and no other of the same call", async () => {
  const closing = new AbortController();
  const outcomes: string[] = [];
  const loop = new EmbeddingLoop(embedder, {
    scheduling: defaultScheduling,
    onStep: (events) => {
      for (const event of events)
        if ("error" in event) outcomes.push(`${event.id}: ${event.error.code}`);
        else if (event.event.type === "vectors")
          outcomes.push(
            `${event.id}: ${event.event.vectors.map((vector) => vectorFromBase64(vector).join()).join(" ")}`,
          );
      if (outcomes.length === 3) closing.abort();
    },
  });
  const submit = (id: string, ...texts: number[][]) => {
    const request = { id, model: "m", tenant: { name: "t", weight: 1 }, lane: "batch" } as EmbeddingRequest;
    const ids = texts.map((text) => Int32Array.from(text));
    loop.submit({ request, texts: ids, credit: texts.length, waitedMs: 0, again: false });
  };
  submit("fine", [1, 2]);
  submit("bad", [3, 4], [5, -1], ...Array.from({ length: 8 }, () => [0, 0])); // more than a call has room for
  submit("too", [6, 7], [8, 9]);
  await loop.run(closing.signal);
  expect(outcomes).toEqual(["fine: 1,2", "bad: no_vector", "too: 6,7 8,9"]);
});
