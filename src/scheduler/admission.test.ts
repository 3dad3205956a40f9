import { expect, test } from "vitest";
import { refusal } from "./admission.ts";
import { Forecast } from "./forecast.ts";
import { enqueue, type SchedulerState } from "./state.ts";
import { decodesOf, emptyShape } from "./step-cost.ts";
import { aDecode, aSequence, aState } from "./testing.ts";

/** Has seen that a token of a prompt takes 1 ms and a step of decodes 10. */
function experienced(over: Parameters<typeof aState>[0] = {}): SchedulerState {
  const state = aState({ plan: { slots: 2 }, ...over });
  for (let round = 0; round < 30; round++) {
    for (const prefillTokens of [64, 256, 512])
      state.cost.observe(
        { ...emptyShape, prefills: 1, prefillTokens, prefillContext: prefillTokens ** 2 / 2 },
        prefillTokens,
      );
    for (const decodes of [1, 2]) state.cost.observe(decodesOf(decodes, decodes * 512), 10);
  }
  return Object.assign(state, { answerTokens: 50 });
}

test("the longest prompt is welcome when nothing waits; then tokens are counted, of what waits and of the new one", () => {
  const state = aState({ scheduling: { maxQueuedTokens: 100 } });
  expect(refusal(state, aSequence({ length: 500 }), 0)).toBeUndefined();
  enqueue(state, aSequence({ length: 60 }));
  expect(refusal(state, aSequence({ length: 40 }), 0)).toBeUndefined();
  const refused = refusal(state, aSequence({ length: 41 }), 0)!;
  expect(refused).toMatchObject({ code: "queued_tokens_full" });
  expect(refused.message).toContain("60 tokens wait already (the limit is 100)");
});

test("a deadline that cannot be met by what is known is refused at once; one that can is not", () => {
  const state = experienced();
  const within = (ms: number) => refusal(state, aSequence({ length: 500, limit: 1000, deadline: ms }), 0);
  const refused = within(800)!;
  expect(refused).toMatchObject({ code: "deadline_unreachable" });
  expect([within(1500), within(Infinity)]).toEqual([undefined, undefined]);
  // 512 tokens in 512 ms, then 50 tokens in 10 ms each.
  const estimate = new Forecast(state).endMs(aSequence({ length: 500, limit: 1000 }), () => false);
  expect(estimate).toBeGreaterThan(800);
  expect(estimate).toBeLessThan(1200);
});

test("who knows nothing refuses nothing", () => {
  expect(refusal(aState(), aSequence({ length: 500, deadline: 1 }), 0)).toBeUndefined();
});

test("with all slots taken, what comes before by policy counts, and what comes behind does not", () => {
  const state = experienced();
  for (const id of ["a", "b"]) aDecode(state, { id });
  enqueue(state, aSequence({ id: "before", arrived: 0, length: 400, limit: 500 }));
  enqueue(state, aSequence({ id: "behind", arrived: 0, length: 400, limit: 500, lane: "batch" }));
  const sequence = aSequence({ id: "new", arrived: 1, length: 400, limit: 410 });
  const forecast = new Forecast(state);
  const alone = forecast.endMs(sequence, () => false);
  const behindOne = forecast.endMs(sequence, ({ id }) => id === "before");
  expect(behindOne - alone).toBeCloseTo(forecast.remainingMs(state.waiting[0]!));
  const deadline = 1 + (alone + behindOne) / 2;
  expect(refusal(state, { ...sequence, deadline }, 1)).toMatchObject({ code: "deadline_unreachable" });
  expect(refusal(state, { ...sequence, deadline: 2 + behindOne }, 1)).toBeUndefined();
});

test("who is refused learns when what waits will have been served", () => {
  const state = experienced({ scheduling: { maxQueuedTokens: 10 } });
  enqueue(state, aSequence({ length: 1000, limit: 1001 }));
  const drainMs = new Forecast(state).drainMs();
  expect(drainMs).toBeGreaterThan(900);
  expect(refusal(state, aSequence(), 0)).toMatchObject({ code: "queued_tokens_full", retryAfter: drainMs / 1000 });
});
