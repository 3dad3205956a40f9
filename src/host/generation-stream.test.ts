import { expect, test } from "vitest";
import { failure } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../core/generation.ts";
import { GenerationStream } from "./generation-stream.ts";

const request = { id: "r" } as GenerationRequest;
const delta = (text: string, tokens = 1): GenerationEvent => ({
  type: "text-delta",
  text,
  tokens: Array.from({ length: tokens }, () => 1),
});
const finished: GenerationEvent = {
  type: "finished",
  reason: "stop",
  usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 1 },
};

function aStream(connect?: () => never) {
  const calls: string[] = [];
  const abort = new AbortController();
  const source = {
    submit: (stream: GenerationStream) => calls.push(`submit ${stream.submission(false).credit}`),
    credit: (stream: GenerationStream) => calls.push(`credit ${stream.grant()}`),
    cancel: () => calls.push("cancel"),
    forget: () => calls.push("forget"),
  };
  const stream = new GenerationStream(request, { signal: abort.signal, connect: connect ?? (() => source) });
  return { stream, calls, abort };
}

test("nothing is taken before the first next", async () => {
  const { stream, calls } = aStream();
  expect(calls).toEqual([]);
  await stream.return();
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(calls).toEqual([]);
});

test("events come in order, delivered before or after they are asked for, and then the end", async () => {
  const { stream, calls } = aStream();
  const first = stream.next();
  stream.deliver(delta("a"));
  stream.deliver(delta("b"));
  stream.deliver(finished);
  stream.deliver(delta("too late"));
  expect(await first).toEqual({ done: false, value: delta("a") });
  const rest: GenerationEvent[] = [];
  for await (const event of stream) rest.push(event);
  expect(rest).toEqual([delta("b"), finished]);
  expect(calls).toEqual(["submit 256", "forget"]);
});

test("credit is given back by half windows, for what was read and not for what was delivered", async () => {
  const { stream, calls } = aStream();
  const first = stream.next();
  for (let i = 0; i < 4; i++) stream.deliver(delta("x", 64));
  await first;
  expect(calls).toEqual(["submit 256"]);
  await stream.next();
  expect(calls).toEqual(["submit 256", "credit 128"]);
});

test("an abort wakes a waiting reader and throws away what was not read", async () => {
  const { stream, calls, abort } = aStream();
  const waiting = stream.next();
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ code: "request_cancelled" });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(calls).toEqual(["submit 256", "cancel", "forget"]);
});

test("an abort after the engine has finished, before that was read, is still a cancellation", async () => {
  const { stream, calls, abort } = aStream();
  const first = stream.next();
  stream.deliver(delta("a"));
  stream.deliver(finished);
  await first;
  abort.abort();
  await expect(stream.next()).rejects.toMatchObject({ code: "request_cancelled" });
  expect(calls).toEqual(["submit 256", "forget"]);
});

test("leaving frees at once, also while a next is pending", async () => {
  const { stream, calls } = aStream();
  const pending = stream.next();
  await stream.return();
  expect(await pending).toEqual({ done: true, value: undefined });
  expect(calls).toEqual(["submit 256", "cancel", "forget"]);
});

test("an error is thrown once, after the events before it", async () => {
  const { stream, calls } = aStream();
  const first = stream.next();
  stream.deliver(delta("a"));
  stream.fail(failure("engine_failed", { problem: "gone" }));
  expect(await first).toEqual({ done: false, value: delta("a") });
  await expect(stream.next()).rejects.toMatchObject({ code: "engine_failed" });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(calls).toEqual(["submit 256", "forget"]);
});

test("a signal that was aborted before takes nothing; no source is an error of the first next", async () => {
  const { stream, calls, abort } = aStream();
  abort.abort();
  await expect(stream.next()).rejects.toMatchObject({ code: "request_cancelled" });
  expect(calls).toEqual([]);
  const none = aStream(() => {
    throw failure("shutting_down", undefined);
  });
  await expect(none.stream.next()).rejects.toMatchObject({ code: "shutting_down" });
  expect(await none.stream.next()).toEqual({ done: true, value: undefined });
});

test("a second submission tells all that was sent, waits for what was not read, and counts as a resume", async () => {
  const { stream } = aStream();
  const first = stream.next();
  expect(stream.submission(false)).toMatchObject({ credit: 256, resume: undefined });
  stream.deliver({ type: "admitted", promptTokens: [5, 6] });
  stream.deliver(delta("a", 3));
  await first;
  expect(stream.submission(true)).toMatchObject({ credit: 2, resume: { promptTokens: [5, 6], tokens: [1, 1, 1] } });
  expect(stream.grant()).toBe(251);
  stream.deliver(finished);
  const rest: GenerationEvent[] = [];
  for await (const event of stream) rest.push(event);
  expect(rest).toEqual([delta("a", 3), { ...finished, resumes: 2 }]);
});
