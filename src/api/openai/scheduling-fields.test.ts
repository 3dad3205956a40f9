import { expect, test } from "vitest";
import { parseChat } from "./chat-request.ts";
import type { Fixed } from "./common-fields.ts";
import { parseCompletion } from "./completion-request.ts";
import { someFixed } from "./testing.ts";

const messages = [{ role: "user", content: "hi" }];
const silent = someFixed().headers;

function bothKinds(body: object, over: Partial<Fixed> = {}) {
  const completion = parseCompletion({ prompt: "hi", ...body }, someFixed(over)).request;
  const { lane, timeoutMs } = parseChat({ messages, ...body }, someFixed(over)).request;
  expect([completion.lane, completion.timeoutMs]).toEqual([lane, timeoutMs]);
  return { lane, timeoutMs };
}

test("without a word: the key's lane and the server's timeout", () => {
  expect(bothKinds({})).toEqual({ lane: "interactive", timeoutMs: undefined });
  expect(bothKinds({}, { lane: "batch", defaultTimeoutMs: 60_000 })).toEqual({ lane: "batch", timeoutMs: 60_000 });
});

test("headers are stronger than defaults, the body is stronger than headers", () => {
  const headers = { "x-priority": "batch", "x-request-timeout": "2.5" };
  const over = { headers, defaultTimeoutMs: 60_000 };
  expect(bothKinds({}, over)).toEqual({ lane: "batch", timeoutMs: 2500 });
  expect(bothKinds({ priority: "background", timeout: 9 }, over)).toEqual({ lane: "background", timeoutMs: 9000 });
  expect(bothKinds({ priority: null, timeout: null }, over)).toEqual({ lane: "batch", timeoutMs: 2500 });
});

test("a key's lane is the most urgent that may be asked for", () => {
  expect(bothKinds({ priority: "background" }, { lane: "batch" }).lane).toBe("background");
  const asked = () => bothKinds({ priority: "interactive" }, { lane: "batch" });
  expect(asked).toThrow(`'priority' is "interactive"; accepted: "batch", "background" with this key`);
  const byHeader = () => bothKinds({}, { lane: "background", headers: { ...silent, "x-priority": "batch" } });
  expect(byHeader).toThrow(`'x-priority' is "batch"; accepted: "background" with this key`);
});

test("a service tier is a lane, where the key allows it and nothing else was said", () => {
  const chat = (body: object, over: Partial<Fixed> = {}) => parseChat({ messages, ...body }, someFixed(over));
  const laneOf = (service_tier: string, over: Partial<Fixed> = {}) => chat({ service_tier }, over).request.lane;
  expect(["auto", "default", "priority", "flex"].map((tier) => laneOf(tier))).toEqual([
    "interactive",
    "interactive",
    "interactive",
    "batch",
  ]);
  expect(laneOf("auto", { lane: "background" })).toBe("background");
  expect(laneOf("default", { headers: { ...silent, "x-priority": "batch" } })).toBe("batch");
  expect(laneOf("flex", { headers: { ...silent, "x-priority": "background" } })).toBe("batch");
  expect(() => laneOf("priority", { lane: "batch" })).toThrow(`'service_tier' is "priority"`);
  expect(() => chat({ service_tier: "flex", priority: "interactive" })).toThrow(`'service_tier' is "flex"`);
  expect(chat({ service_tier: "auto", priority: "batch" }).request.lane).toBe("batch");
  expect(chat({ service_tier: "flex" }).serviceTier).toBe("flex");
});

test.each([
  [{ priority: "urgent" }, `'priority' is "urgent"; accepted: "interactive", "batch", "background"`],
  [{ priority: 1 }, "'priority' is 1; accepted: "],
  [{ timeout: 0 }, "'timeout' is 0; accepted: a number of seconds above 0, up to 86400"],
  [{ timeout: -1 }, "'timeout' is -1"],
  [{ timeout: 86_401 }, "'timeout' is 86401"],
  [{ timeout: "10" }, `'timeout' is "10"`],
])("refused in the body: %j", (body, says) => {
  expect(() => bothKinds(body)).toThrow(says);
});

test.each([
  [{ "x-priority": "urgent" }, `'x-priority' is "urgent"; accepted: "interactive", "batch", "background"`],
  [{ "x-priority": "" }, `'x-priority' is ""`],
  [{ "x-priority": "batch, batch" }, `'x-priority' is "batch, batch"`],
  [{ "x-request-timeout": "0" }, `'x-request-timeout' is "0"; accepted: a number of seconds above 0, up to 86400`],
  [{ "x-request-timeout": "1e3" }, `'x-request-timeout' is "1e3"`],
  [{ "x-request-timeout": "soon" }, `'x-request-timeout' is "soon"`],
  [{ "x-request-timeout": "100000" }, `'x-request-timeout' is "100000"`],
])("refused in a header, also where the body is stronger: %j", (header, says) => {
  const headers = { ...silent, ...header };
  expect(() => bothKinds({}, { headers })).toThrow(says);
  expect(() => bothKinds({ priority: "batch", timeout: 1 }, { headers })).toThrow(says);
});
