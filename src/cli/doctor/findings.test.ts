import { expect, test } from "vitest";
import type { ServingFacts } from "../../app.ts";
import { findingsOf } from "./findings.ts";

const gibibyte = 1024 ** 3;

const facts = (over: Partial<ServingFacts> = {}): ServingFacts => ({
  node: "20.20.2",
  cpu: { model: "AMD EPYC", count: 8, usable: 8, lease: { threads: 8, why: "8 CPUs are available" } },
  throttling: undefined,
  memory: { total: 16 * gibibyte, available: 12 * gibibyte },
  libc: { kind: "glibc", version: "2.36" },
  library: { version: "0.5.0", directory: "/lib", cpuVariant: "zen4", devices: [] },
  gpus: [],
  store: { folder: "/store", free: 50 * gibibyte, problem: undefined },
  port: { host: "127.0.0.1", port: 8000, problem: undefined },
  threads: 8,
  model: { name: "tiny", state: "fits", less: "" },
  ...over,
});

const finding = (about: string, over: Partial<ServingFacts>) =>
  findingsOf(facts(over)).find((finding) => finding.about === about)!;

test("a good machine has no finding that is not ok", () => {
  expect(findingsOf(facts()).filter(({ level }) => level !== "ok")).toEqual([]);
});

test.each<[about: string, over: Partial<ServingFacts>, level: string]>([
  ["libc", { libc: { kind: "musl" } }, "problem"],
  ["libc", { libc: { kind: "glibc", version: "2.31" } }, "problem"],
  ["libc", { libc: { kind: "glibc", version: "2.34" } }, "ok"],
  ["library", { library: { problem: "not installed" } }, "problem"],
  ["store", { store: { folder: "/s", free: 0, problem: "EACCES" } }, "problem"],
  ["store", { store: { folder: "/s", free: 1, problem: undefined } }, "warning"],
  ["model", { model: { name: "big", state: "refused", problem: "needs 9 GiB" } }, "problem"],
  ["model", { model: { name: "new", state: "absent" } }, "ok"],
  ["port", { port: { host: "::1", port: 1, problem: "taken" } }, "problem"],
  ["throttling", { throttling: { periods: 100, throttled: 50 } }, "warning"],
  ["throttling", { throttling: { periods: 100, throttled: 5 } }, "ok"],
])("%s: %j is %s", (about, over, level) => {
  const { level: found, advice } = finding(about, over);
  expect(found).toBe(level);
  if (level !== "ok") expect(advice).toMatch(/\w/);
});

test("threads say where their number comes from, and what auto would be", () => {
  expect(finding("threads", {})).toMatchObject({ found: "8 (8 CPUs are available)" });
  expect(finding("threads", { threads: 2 }).advice).toContain("8");
});
