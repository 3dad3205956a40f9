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
