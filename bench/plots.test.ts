import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { plot } from "../src/bench/plot.ts";
import { plots, plotsOf } from "./plots.ts";
import { mergeIntoFile, type MeasuredRow } from "./results.ts";
import { aRow, aSample } from "./testing.ts";

const some = (ttft: number) => Array.from({ length: 400 }, (_, i) => aSample({ chunksAt: [ttft + i, ttft + i + 10] }));
const turn = (loads: object) => ({ metrics: {}, loads: loads as Record<string, ReturnType<typeof some>> });

const clients = { millrace: [turn({ clients: some(50) })], "llama-server": [turn({ clients: some(400) })] };
const tenants = { millrace: [turn({ alone: some(50), beside: some(80) })], bound: [{ metrics: {} }] };

/** A stream that gets a token every 10 ms, but waits for 500 ms when the long prompt comes after a second. */
const stream = aSample({ chunksAt: Array.from({ length: 200 }, (_, i) => 10 * i + (i > 100 ? 500 : 0)) });
const long = aSample({ startedAt: 1000, chunksAt: [700] });

const rows: readonly MeasuredRow[] = [
  ...[1, 2, 4].map((number) => aRow({ number, variants: clients })),
  aRow({ number: 5 }),
  aRow({
    number: 6,
    variants: {
      millrace: [0, 1].map((round) => turn({ one_client: [0, 512 * round].map((c) => aSample({ cachedTokens: c })) })),
    },
  }),
  aRow({ number: 8, variants: { millrace: [turn({ streams: [stream], long: [long] })] } }),
  ...[9, 10].map((number) => aRow({ number, variants: tenants })),
];
const predictions = { facts: {}, steps: [5, 50].map((ms) => ({ kind: "both", predicted: ms, measured: ms + 1 })) };

test("each plot has the series that its row has measured", () => {
  const drawn = plotsOf({ rows, predictions });
  expect(Object.entries(drawn).map(([name, { series }]) => [name, series.map((one) => one.name)])).toEqual([
    ["row-1", ["millrace", "llama-server"]],
    ["row-2", ["millrace", "llama-server"]],
    ["row-4", ["millrace", "llama-server"]],
    ["row-6", ["millrace"]],
    ["row-8", ["millrace (its first token after 0.7 s)"]],
    ["row-9", ["millrace, beside", "millrace, alone"]],
    ["row-10", ["millrace, beside", "millrace, alone"]],
    ["step-cost", ["both", "exact"]],
  ]);
  for (const { title, series } of Object.values(drawn)) {
    expect(title.length).toBeLessThanOrEqual(68); // more does not fit above the plot
    for (const { points } of series) expect(points.length).toBeGreaterThan(1);
  }
});

test("cached tokens are the mean over the rounds, and the long prompt's delay is where it was", () => {
  const drawn = plotsOf({ rows });
  expect(drawn["row-6"]!.series[0]!.points).toEqual([
    { x: 1, y: 0 },
    { x: 2, y: 256 },
  ]);
  const { points } = drawn["row-8"]!.series[0]!;
  expect(points.filter(({ y }) => y > 10)).toEqual([0, 0.25, 0.5].map((x) => ({ x, y: 510 })));
  expect(points[0]).toEqual({ x: -1, y: 10 });
});

test("nothing is drawn of rows that were not measured, nor of failed requests", () => {
  expect(plotsOf({ rows: [] })).toEqual({});
  const failed = { millrace: [turn({ clients: [aSample({ problem: "timeout" })] })] };
  expect(plot(plotsOf({ rows: [aRow({ variants: failed })] })["row-1"]!)).toContain("no data");
  expect(plotsOf({ rows: [aRow({ number: 8, variants: { millrace: [] } })] })["row-8"]!.series).toEqual([]);
});

test("the command writes small files that stand alone", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-plots-"));
  vi.spyOn(console, "log").mockImplementation(() => {});
  mergeIntoFile(join(folder, "results.json"), { rows, predictions });
  const out = join(folder, "plots");
  plots(["--from", join(folder, "results.json"), "--out", out]);
  const files = readdirSync(out);
  expect(files).toHaveLength(8);
  for (const file of files) {
    const svg = readFileSync(join(out, file), "utf8");
    expect(svg).toMatch(/^<svg [^]*<\/svg>\n$/);
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|href|NaN|no data/);
    expect(statSync(join(out, file)).size).toBeLessThan(20_000);
  }
  rmSync(folder, { recursive: true });
});
