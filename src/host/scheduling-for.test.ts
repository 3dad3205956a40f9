import { expect, test } from "vitest";
import { loadConfig } from "../config/load-config.ts";
import { defaultScheduling } from "../core/scheduling.ts";
import { schedulingFor } from "./scheduling-for.ts";

const of = (...flags: Parameters<typeof loadConfig>) => schedulingFor(loadConfig(...flags).config);

test("what is not configured is the default; the cache fits the machine", () => {
  const { cacheMemory, ...rest } = of({}, {});
  const { cacheMemory: most, ...others } = defaultScheduling;
  expect(rest).toEqual(others);
  expect(cacheMemory).toBeGreaterThan(0);
  expect(cacheMemory).toBeLessThanOrEqual(most);
});

test.each([
  ["off", { kind: "off" }],
  ["2.5x", { kind: "times", times: 2.5 }],
  ["100ms", { kind: "ms", ms: 100 }],
  ["80", { kind: "ms", ms: 80 }],
])("--target-itl %s", (targetItl, target) => {
  expect(of({ targetItl }, {}).targetItl).toEqual(target);
});

test.each([
  ["0", 0],
  ["512", 512],
  ["1GB", 1e9],
  ["512 MB", 512e6],
  ["1.5GiB", 1.5 * 2 ** 30],
  ["2kib", 2048],
])("--cache-memory %s", (cacheMemory, bytes) => {
  expect(of({ cacheMemory }, {}).cacheMemory).toBe(bytes);
});

test("times are seconds for people and milliseconds for the engine", () => {
  const environment = { MILLRACE_AGEING: "0.5", MILLRACE_SHARED_PREFIXES: "You are, as ever, brief." };
  expect(of({ policy: "deadline", maxQueue: "0", turnTokens: "16" }, environment)).toMatchObject({
    policy: "deadline",
    maxQueuedRequests: 0,
    turnTokens: 16,
    ageingMs: 500,
    sharedPrefixes: ["You are, as ever, brief."],
  });
});
