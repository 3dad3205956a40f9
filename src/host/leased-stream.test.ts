import { expect, test } from "vitest";
import type { GenerationRequest } from "../core/generation.ts";
import { GenerationStream } from "./generation-stream.ts";
import { LeasedStream, type Lease } from "./leased-stream.ts";
import { Roster } from "./roster.ts";

test("what waited for its engine keeps its timeout, which counts from its arrival", async () => {
  const { signal } = new AbortController();
  const roster = new Roster();
  const generate = (request: GenerationRequest) => new GenerationStream(request, { signal, connect: () => roster });
  const lease = async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return { backend: { generate } as unknown as Lease["backend"], release: () => {} };
  };
  const submitted = new Promise<unknown>((resolve) => roster.onReady(resolve));
  void new LeasedStream({ id: "a", timeoutMs: 5000 } as GenerationRequest, { signal, lease }).next();
  const { request, waitedMs } = (await submitted) as { request: GenerationRequest; waitedMs: number };
  expect(request.timeoutMs).toBe(5000);
  expect(waitedMs).toBeGreaterThan(25); // setTimeout may be a little early
});
