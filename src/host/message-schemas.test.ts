import { expect, test } from "vitest";
import { defaultPlan } from "../core/execution-plan.ts";
import { defaultScheduling } from "../core/scheduling.ts";
import { parseEngineMessage, parseHostMessage, ProtocolError } from "./message-schemas.ts";
import type { EngineMessage, HostMessage } from "./messages.ts";

const overTheWire = (message: HostMessage | EngineMessage): unknown => JSON.parse(JSON.stringify(message)) as unknown;

const probability = (token: number, bytes: number[]) => ({ token, bytes, isControl: token < 6, logprob: -0.5 });

test.each<HostMessage>([
  { type: "open", spec: { engine: "fake", plan: defaultPlan("m.gguf", 2) }, scheduling: defaultScheduling },
  {
    type: "open",
    spec: { engine: "fake", plan: defaultPlan("m.gguf", 2) },
    scheduling: { ...defaultScheduling, targetItl: { kind: "ms", ms: 100 }, sharedPrefixes: ["You are"] },
  },
  {
    type: "submit",
    credit: 256,
    waitedMs: 0.5,
    resume: { promptTokens: [1, 2], tokens: [] },
    request: {
      id: "r1",
      model: "m",
      tenant: { name: "key-1", weight: 2.5 },
      lane: "batch",
      timeoutMs: undefined,
      prompt: { kind: "chat", messages: [{ role: "user", content: "hi" }], reasoningEffort: "low" },
      choice: 127,
      maxTokens: undefined,
      logprobs: 5,
      sampling: {
        temperature: 0.7,
        topK: 40,
        topP: 0.95,
        minP: 0.05,
        repeatPenalty: 1,
        frequencyPenalty: 0,
        presencePenalty: -2,
        logitBias: [{ token: 7, bias: -100 }],
        seed: 2 ** 32 - 1,
      },
      stop: ["\n"],
      ignoreEos: false,
      progress: true,
    },
  },
  {
    type: "embed",
    credit: 2,
    waitedMs: 1.5,
    again: true,
    request: {
      id: "r2",
      model: "m",
      tenant: { name: "key-1", weight: 1 },
      lane: "interactive",
      timeoutMs: 5000,
      listed: true,
      inputs: [
        { kind: "text", text: "a" },
        { kind: "tokens", ids: [101, 102] },
      ],
      dimensions: undefined,
    },
  },
  { type: "ask", id: "a1", question: { kind: "tokenize", text: "hi", addSpecial: false, parseSpecial: true } },
  { type: "ask", id: "a2", question: { kind: "detokenize", tokens: [7, 0] } },
  { type: "ask", id: "a3", question: { kind: "render", model: "m", messages: [{ role: "user", content: "hi" }] } },
  { type: "cancel", id: "r1" },
  { type: "credit", id: "r1", tokens: 128 },
  { type: "threads", threads: 1 },
  { type: "schedule", scheduling: defaultScheduling },
  { type: "abort-step" },
  { type: "close" },
])("a $type message arrives as it was sent", (message) => {
  expect(parseHostMessage(overTheWire(message))).toStrictEqual(message);
});

test.each<EngineMessage>([
  { type: "loading", progress: 0.5 },
  { type: "step", events: [{ id: "r1", event: { type: "prompt-progress", processed: 2, cached: 1, total: 3 } }] },
  { type: "reply", id: "a1", reply: { tokens: [1, 2] } },
  { type: "reply", id: "a2", reply: { text: "hi" } },
  {
    type: "step",
    events: [
      { id: "a", event: { type: "admitted", promptTokens: [1, 2] } },
      { id: "a", event: { type: "text-delta", text: "é", tokens: [3] } },
      {
        id: "a",
        event: {
          type: "text-delta",
          text: "",
          tokens: [240],
          logprobs: [{ ...probability(240, [240]), begin: 1, top: [probability(2, [60, 62])] }],
        },
      },
      {
        id: "a",
        event: { type: "finished", reason: "stop", usage: { promptTokens: 2, cachedTokens: 1, completionTokens: 1 } },
      },
      { id: "b", error: { code: "template_failed", message: "no", param: "messages" } },
      { id: "c", error: { code: "queue_full", message: "no", retryAfter: 1.5 } },
      { id: "d", event: { type: "vectors", vectors: ["AACAPw==", "AAAAAA=="], tokens: 7 } },
    ],
    report: {
      step: 1,
      milliseconds: 2.5,
      tokens: 3,
      sequences: 1,
      threads: 2,
      threadLimit: 3,
      running: 1,
      waiting: 0,
      waitingTokens: 0,
      drainMs: 0.5,
    },
  },
  { type: "heartbeat", pulse: { step: 0, tokens: 0, milliseconds: 0 } },
])("a $type message arrives as it was sent", (message) => {
  expect(parseEngineMessage(overTheWire(message))).toStrictEqual(message);
});

test.each([
  [null],
  [[]],
  [{ type: "unheard-of" }],
  [{ type: "loading" }],
  [{ type: "step", events: [{ id: "a" }] }],
  [{ type: "step", events: [{ id: "a", event: { type: "text-delta", text: 3, tokens: [] } }] }],
  [{ type: "step", events: [{ id: "a", event: { type: "vectors", vectors: [], tokens: 1 } }] }],
  [{ type: "embed", credit: 1, waitedMs: 0, again: false, request: { id: "a", inputs: [] } }],
  [{ type: "request-failed", id: "a", error: { code: "no_such_code", message: "" } }],
])("%j is a protocol error", (value) => {
  expect(() => parseEngineMessage(value)).toThrow(ProtocolError);
  expect(() => parseHostMessage(value)).toThrow(ProtocolError);
});
