import { expect, test } from "vitest";
import { defaultPlan } from "../src/core/execution-plan.ts";
import { openEngine } from "../src/engine/open.ts";
import { serve } from "../src/http/testing.ts";
import { LocalBackend } from "../src/inference/local-backend.ts";

interface Chunk {
  readonly choices: readonly { readonly text?: string; readonly delta?: { readonly content?: string } }[];
  readonly prompt_progress?: { readonly total: number; readonly cache: number; readonly processed: number };
}

test.each(["/v1/completions", "/v1/chat/completions"])(
  "%s tells how far a prompt is, then the answer",
  async (route) => {
    const plan = { ...defaultPlan("fake", 1), contextPerSlot: 2048, microBatch: 64 };
    await using backend = new LocalBackend(openEngine({ engine: "fake", plan }), "fake");
    await using it = await serve(backend);
    const text = "The mill stands by the river. ".repeat(20);
    const ask = async (): Promise<readonly Chunk[]> => {
      const asked = { prompt: text, messages: [{ role: "user", content: text }] };
      const { [route === "/v1/completions" ? "messages" : "prompt"]: _, ...body } = asked;
      const options = { stream: true, return_progress: true, max_tokens: 3, ignore_eos: true };
      const headers = { "content-type": "application/json" };
      const asking = { method: "POST", headers, body: JSON.stringify({ ...body, ...options }) };
      const events = (await (await fetch(it.url + route, asking)).text()).trim().split("\n\n").slice(0, -1);
      return events.map((event) => JSON.parse(event.slice(6)) as Chunk);
    };
    const chunks = await ask();
    const progress = chunks.flatMap(({ prompt_progress: one }) => one ?? []);
    expect(progress.length).toBeGreaterThan(2);
    expect(progress.map(({ processed }) => processed)).toEqual(
      [...new Set(progress.map(({ processed }) => processed))].toSorted((a, b) => a - b),
    );
    expect(progress.at(-1)!.processed).toBe(progress[0]!.total);
    const says = ({ choices: [choice] }: Chunk) => (choice?.text ?? choice?.delta?.content ?? "") !== "";
    expect(chunks.findIndex(says)).toBeGreaterThan(
      chunks.findLastIndex(({ prompt_progress: one }) => one !== undefined),
    );
    // All but the last token are there already.
    const again = (await ask()).flatMap(({ prompt_progress: one }) => one ?? []);
    expect(again).toEqual([
      { total: progress[0]!.total, cache: progress[0]!.total - 1, processed: progress[0]!.total },
    ]);
  },
);

test("without a stream nobody could be told", async () => {
  await using it = await serve(new LocalBackend(openEngine({ engine: "fake", plan: defaultPlan("fake", 1) }), "fake"));
  const payload = { prompt: "a", return_progress: true };
  const answer = await it.server.inject({ method: "POST", url: "/v1/completions", payload });
  expect(answer.json<{ error: object }>().error).toMatchObject({ code: "invalid_value", param: "return_progress" });
});
