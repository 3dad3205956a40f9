import { expect, test } from "vitest";
import { defaultScheduling } from "../../src/core/scheduling.ts";
import type { EngineHost } from "../../src/host/engine-host.ts";
import { aRequest, collect, never, readyHost } from "./host/hosts.ts";

const ask = (host: EngineHost, maxTokens: number) => collect(host.generate(aRequest({ maxTokens }), never));
/** One may wait, however long; what runs keeps its slot. */
const narrow = { ...defaultScheduling, maxQueuedTokens: 1, turnTokens: 0 };

test("limits of a running engine can change, in the server and in its process; what runs goes on", async () => {
  await using host = await readyHost("fake?stepMs=5", {}, 1);
  const running = ask(host, 300);
  host.reschedule({ ...defaultScheduling, maxQueuedRequests: 0 });
  await expect(ask(host, 2)).rejects.toMatchObject({ code: "queue_full" });
  host.reschedule(narrow);
  const waiting = ask(host, 2);
  await expect(ask(host, 2)).rejects.toMatchObject({ code: "queued_tokens_full" });
  host.reschedule(defaultScheduling);
  const answers = await Promise.all([ask(host, 2), waiting, running]);
  expect(answers.map(({ tokens }) => tokens.length)).toEqual([2, 2, 300]);
});

test("an engine that is started again has the schedule that was set last", async () => {
  await using host = await readyHost("fake?stepMs=5", {}, 1);
  host.reschedule(narrow);
  const { pid } = host;
  process.kill(pid!, "SIGKILL");
  const first = [ask(host, 300), ask(host, 2)];
  await expect.poll(() => host.pid !== pid && host.status().state, { timeout: 30_000 }).toBe("ready");
  await expect(ask(host, 2)).rejects.toMatchObject({ code: "queued_tokens_full" });
  const answers = await Promise.all(first);
  expect(answers.map(({ tokens }) => tokens.length)).toEqual([300, 2]);
});
