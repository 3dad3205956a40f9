import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { compareLoads, joined, alternate, comparisonRows } from "./compare-loads.ts";
import { loadJson } from "./load-json.ts";
import { metricsOf } from "./load-metrics.ts";
import { loadPage } from "./load-page.ts";
import type { LoadResult, LoadSample } from "./load-result.ts";
import { summarizeLoad } from "./load-summary.ts";
import { reportPage } from "./report-page.ts";
import { timesOf } from "./request-times.ts";
import { isViolated, parseRequirement } from "./requirement.ts";
import { isWellServed, parseServiceLevel } from "./service-level.ts";

const aSample = (over: Partial<LoadSample> = {}): LoadSample => ({
  startedAt: 0,
  chunksAt: [100, 110, 140],
  e2e: 150,
  promptTokens: 20,
  cachedTokens: 5,
  completionTokens: 6,
  problem: undefined,
  ...over,
});

const aResult = (samples: readonly LoadSample[], over: Partial<LoadResult> = {}): LoadResult => ({
  samples,
  durationMs: 2000,
  maxConcurrent: 1,
  reconnects: 0,
  lags: [],
  clientCpuMs: 6,
  peakMemory: undefined,
  ...over,
});

describe("the times of a request", () => {
  test("are as vLLM defines them: tokens from the usage, gaps from the chunks", () => {
    expect(timesOf(aSample())).toEqual({ ttft: 100, tpot: 10, itl: [10, 30], e2el: 150 });
  });

  test("of one token, and of none with text", () => {
    expect(timesOf(aSample({ chunksAt: [100], completionTokens: 1 }))).toMatchObject({ tpot: undefined, itl: [] });
    expect(timesOf(aSample({ chunksAt: [] }))).toMatchObject({ ttft: 150, itl: [] });
  });

  test("add up: TTFT and the further tokens are the whole", () => {
    const gaps = fc.array(fc.double({ min: 0, max: 1e4, noNaN: true }), { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(gaps, (gaps) => {
        let at = 0;
        const chunksAt = gaps.map((gap) => (at += gap));
        const { ttft, tpot, itl, e2el } = timesOf(aSample({ chunksAt, e2e: at, completionTokens: gaps.length }));
        expect(ttft + tpot! * (gaps.length - 1)).toBeCloseTo(e2el, 6);
        expect(ttft + itl.reduce((sum, gap) => sum + gap)).toBeCloseTo(e2el, 6);
      }),
    );
  });
});

test("failed requests count in no time and no throughput", () => {
  const failed = aSample({ problem: "broken stream", e2e: 9999 });
  const result = aResult([aSample(), failed, aSample({ e2e: 250 }), failed, aSample({ problem: "HTTP 429" })]);
  const summary = summarizeLoad(result, { ttft: 100, tpot: 20 });
  expect(summary).toMatchObject({
    completed: 2,
    failed: 3,
    errors: { "broken stream": 2, "HTTP 429": 1 },
    requestThroughput: 1,
    outputThroughput: 6,
    totalThroughput: 26,
    requestGoodput: 0.5,
    cachedShare: 0.25,
    clientCpuPerToken: 0.5,
  });
  expect(summary.times.e2el).toMatchObject({ count: 2, mean: 200, max: 250 });
});

test("what is not known is left out of the figures, which have vLLM's names", () => {
  const metrics = metricsOf(summarizeLoad(aResult([aSample({ cachedTokens: undefined })])));
  expect(metrics).toMatchObject({
    completed: 1,
    request_throughput: 0.5,
    output_throughput: 3,
    total_token_throughput: 13,
    total_input_tokens: 20,
    total_output_tokens: 6,
    mean_ttft_ms: 100,
    median_tpot_ms: 10,
    p99_itl_ms: expect.closeTo(29.8, 9),
    std_e2el_ms: 0,
  });
  for (const unknown of ["request_goodput", "cached_tokens_share", "peak_memory_bytes", "p99_send_lag_ms"])
    expect(metrics).not.toHaveProperty(unknown);
  expect(Object.values(metricsOf(summarizeLoad(aResult([])))).every(Number.isFinite)).toBe(true);
});

describe("limits", () => {
  test("all must hold at once", () => {
    const level = parseServiceLevel("ttft:100, e2el:150.5");
    expect(level).toEqual({ ttft: 100, e2el: 150.5 });
    expect(isWellServed(aSample(), level)).toBe(true);
    expect(isWellServed(aSample({ e2e: 151 }), level)).toBe(false);
    expect(isWellServed(aSample({ problem: "timeout" }), level)).toBe(false);
    expect(isWellServed(aSample({ completionTokens: 1 }), { tpot: 1 })).toBe(true);
  });

  test.each(["", "ttft", "ttft:x", "itl:5", "ttft:1,ttft:2", "ttft:-1"])("%j is none", (text) => {
    expect(() => parseServiceLevel(text)).toThrow(/--slo: .* is no limit; accepted: ttft, tpot, e2el/);
  });
});

describe("--fail-if", () => {
  const metrics = { p95_ttft_ms: 500, failed: 0 };

  test.each([
    ["p95_ttft>500", false],
    ["p95_ttft>=500", true],
    ["p95_ttft_ms > 499.5", true],
    ["p95_ttft<500", false],
    ["failed>0", false],
    ["failed<=0", true],
    ["p99_itl>1", true], // not measured
  ])("%s: %s", (text, violated) => expect(isViolated(parseRequirement(text), metrics)).toBe(violated));

  test.each([
    ["p95_ttft", /accepted: a metric, one of > >= < <=, and a number, like 'p95_ttft>500'/],
    ["p95_ttft=5", /accepted: a metric/],
    ["p95_tft>5", /'p95_tft' is no metric; did you mean 'p95_ttft'\? known: mean, .* of ttft, tpot, itl, e2el/],
    ["speed<5", /'speed' is no metric/],
  ])("%s is refused", (text, problem) => expect(() => parseRequirement(text)).toThrow(problem));
});

test("two servers take turns, in an order that is reversed each round", async () => {
  const calls: string[] = [];
  const run = (server: 0 | 1, round: number) => {
    calls.push(`${server}${round}`);
    return Promise.resolve(aResult([aSample({ e2e: 100 * (server + 1) })]));
  };
  const [first, second] = await alternate({ rounds: 3, run });
  expect(calls).toEqual(["00", "10", "11", "01", "02", "12"]);
  const compared = compareLoads({ name: "a", results: first }, { name: "b", results: second });
  expect(compared.find(({ metric }) => metric === "p50_e2el_ms")).toMatchObject({
    first: { median: 100 },
    second: { median: 200 },
    ratio: { median: 0.5, low: 0.5, high: 0.5 },
  });
  expect(compared.find(({ metric }) => metric === "failed")).toMatchObject({ ratio: undefined });
  expect(comparisonRows("a", "b", compared)[0]).toEqual(["median [interval]", "a", "b", "ratio"]);
});

test("ended early, a round that is not whole does not count", async () => {
  const controller = new AbortController();
  let runs = 0;
  const run = () => {
    if (++runs === 3) controller.abort();
    return Promise.resolve(aResult([]));
  };
  const results = await alternate({ rounds: 9, run, signal: controller.signal });
  expect(results.map(({ length }) => length)).toEqual([1, 1]);
});

test("rounds joined follow each other", () => {
  const all = joined([aResult([aSample()], { peakMemory: 5 }), aResult([aSample()], { peakMemory: 3, reconnects: 2 })]);
  expect(all).toMatchObject({ durationMs: 4000, peakMemory: 5, reconnects: 2, clientCpuMs: 12 });
  expect(all.samples.map(({ startedAt }) => startedAt)).toEqual([0, 2000]);
});

test("the page has a table and plots of each server, the file a row for each request", () => {
  const result = aResult([aSample(), aSample({ startedAt: 500, problem: "HTTP 503 <&>" })]);
  const summary = summarizeLoad(result);
  const page = reportPage(loadPage({ facts: { cpu: "x" }, servers: [{ name: "http://a", result, summary }] }));
  expect(page.match(/<svg/g)).toHaveLength(4);
  expect(page).toContain("HTTP 503 &lt;&amp;&gt;");
  const facts = {
    model_id: "m",
    base_url: "http://a",
    num_prompts: 2,
    request_rate: "inf" as const,
    burstiness: undefined,
  };
  const json = loadJson({ ...facts, max_concurrency: 1, workload: "unique", seed: 1, machine: {} }, summary, result);
  expect(json).toMatchObject({
    ttfts: [0.1, 0.1],
    itls: [
      [0.01, 0.03],
      [0.01, 0.03],
    ],
    errors: ["", "HTTP 503 <&>"],
  });
});
