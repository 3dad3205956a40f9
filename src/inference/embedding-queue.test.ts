import fc from "fast-check";
import { expect, test } from "vitest";
import { lanes, type Lane } from "../core/generation.ts";
import { EmbeddingQueue, tokensOf, type CallLimits, type CallPart, type WaitingTexts } from "./embedding-queue.ts";

interface Asked {
  readonly id: string;
  readonly lengths: readonly number[];
  readonly tenant?: string;
  readonly lane?: Lane;
  readonly arrived?: number;
  readonly deadline?: number;
  readonly credit?: number;
}

function waiting({ id, lengths, tenant = "ann", lane = "interactive", ...times }: Asked): WaitingTexts {
  const { arrived = 0, deadline = Infinity, credit = lengths.length } = times;
  const texts = lengths.map((length, at) => new Int32Array(length).fill(at));
  const request = { id, model: "m", tenant: { name: tenant, weight: 1 }, lane, timeoutMs: undefined };
  return {
    request: { ...request, inputs: [], listed: true, dimensions: undefined },
    texts,
    tokens: tokensOf(texts),
    credit,
    arrived,
    deadline,
  };
}

function aQueue(asked: readonly Asked[], limits: Partial<CallLimits> = {}, ageingMs = Infinity): EmbeddingQueue {
  const queue = new EmbeddingQueue({ texts: 8, tokens: 512, ...limits }, ageingMs);
  for (const one of asked) queue.add(waiting(one));
  return queue;
}

const inWords = (call: readonly CallPart[]) =>
  call.map(({ waiting, texts }) => `${waiting.request.id} ${texts.map(({ length }) => length).join(" ")}`);

/** The calls until nothing waits, one each ms. */
function calls(queue: EmbeddingQueue, msPerToken = 1): string[][] {
  const done: string[][] = [];
  for (let now = 0; queue.size > 0; now++) {
    const call = queue.plan(now, msPerToken);
    queue.book(call, now);
    done.push(inWords(call));
  }
  return done;
}

test("a call is filled with texts of several requests, and none is cut", () => {
  const queue = aQueue([
    { id: "a", lengths: [200, 200, 200] },
    { id: "b", lengths: [100, 10], arrived: 3000 },
  ]);
  expect(calls(queue)).toEqual([["a 200 200", "b 100 10"], ["a 200"]]);
});

test("who has no credit is computed no further, and keeps nobody waiting", () => {
  const queue = aQueue([
    { id: "a", lengths: [1, 2, 3], credit: 2 },
    { id: "b", lengths: [4], arrived: 3000 },
  ]);
  queue.book(queue.plan(0, 1), 0);
  expect([queue.plan(1, 1), queue.size, queue.tokens]).toEqual([[], 1, 3]);
  queue.grant("a", 1);
  queue.grant("b", 1); // it has ended
  expect(calls(queue)).toEqual([["a 3"]]);
});

test("a call has no more texts than the plan has slots", () => {
  const queue = aQueue([{ id: "a", lengths: [1, 2, 3, 4, 5] }], { texts: 2 });
  expect(calls(queue)).toEqual([["a 1 2"], ["a 3 4"], ["a 5"]]);
});

test("larger calls are made for a text that is longer only", () => {
  const queue = aQueue([{ id: "a", lengths: [300, 300, 900, 100, 100] }], { tokens: 1024 });
  expect(calls(queue)).toEqual([["a 300"], ["a 300"], ["a 900"], ["a 100 100"]]);
});

test("short requests pass long ones, but not for ever", () => {
  const thousands = { id: "long", lengths: Array<number>(10).fill(500) };
  const late = (id: string, arrived: number) => ({ id, lengths: [500], arrived });
  expect(calls(aQueue([thousands, late("short", 10_000)])).slice(0, 2)).toEqual([["short 500"], ["long 500"]]);
  expect(calls(aQueue([thousands, late("too late", 20_000)]))[0]).toEqual(["long 500"]);
});

test("tenants are served equally, whatever they ask for", () => {
  const queue = aQueue([
    ...[1, 2, 3].map((n) => ({ id: `a${n}`, lengths: [400, 400] })),
    { id: "b", tenant: "bob", lengths: [400, 400, 400], arrived: 9 },
  ]);
  const order = calls(queue, 0).map(([part]) => part!.slice(0, 1));
  expect(order.join("")).toBe("abababaaa");
});

test("a more urgent lane comes first, until the other has waited long enough", () => {
  const queue = aQueue(
    [
      { id: "batch", lane: "batch", lengths: [400, 400] },
      { id: "now", lengths: Array<number>(9).fill(400) },
    ],
    {},
    2,
  );
  const order = calls(queue, 0).map(([part]) => part!.split(" ")[0]);
  expect(order.slice(0, 2)).toEqual(["now", "now"]);
  expect(order.indexOf("batch")).toBeLessThan(6);
});

test("who is late, or is cancelled, is in no call any more", () => {
  const queue = aQueue([
    { id: "a", lengths: [5], deadline: 10 },
    { id: "b", lengths: [6], deadline: 20 },
    { id: "c", lengths: [7] },
  ]);
  expect(queue.nextDeadline).toBe(10);
  expect(queue.expire(10).map(({ request }) => request.id)).toEqual(["a"]);
  queue.remove("b");
  queue.remove("unknown");
  expect([queue.tokens, queue.nextDeadline]).toEqual([7, Infinity]);
  expect(inWords(queue.plan(11, 1))).toEqual(["c 7"]);
});

test("whatever is asked, each text is computed once and in order, in calls that fit", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 12 });
  const asked = fc.record({ lengths, tenant: fc.constantFrom("ann", "bob"), lane: fc.constantFrom(...lanes) });
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 6 }), fc.integer({ min: 1, max: 9 }), (requests, texts) => {
      const limits = { texts, tokens: 700 };
      const queue = aQueue(
        requests.map((request, index) => ({ id: `${index}`, ...request })),
        limits,
        3,
      );
      const computed = requests.map((): number[] => []);
      for (let now = 0; queue.size > 0; now++) {
        const call = queue.plan(now, 0.25);
        const all = call.flatMap((part) => part.texts);
        expect(all.length).toBeGreaterThan(0);
        expect(all.length).toBeLessThanOrEqual(texts);
        expect(tokensOf(all)).toBeLessThanOrEqual(limits.tokens);
        for (const part of call)
          computed[Number(part.waiting.request.id)]!.push(...part.texts.map(({ length }) => length));
        queue.book(call, now);
      }
      expect(computed).toEqual(requests.map(({ lengths }) => lengths));
      expect(queue.tokens).toBe(0);
    }),
  );
});
