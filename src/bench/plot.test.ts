import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linearScale, logScale } from "./plot-scale.ts";
import { cumulative, plot, thinned, type Plot, type Series } from "./plot.ts";

const aSeries = (over: Partial<Series> = {}): Series => ({
  name: "measured",
  points: [
    { x: 1, y: 10 },
    { x: 2, y: 20 },
    { x: 4, y: 40 },
  ],
  ...over,
});

const aPlot = (over: Partial<Plot> = {}): Plot => ({
  title: "Cost",
  x: { label: "tokens" },
  y: { label: "ms" },
  series: [aSeries()],
  ...over,
});

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

describe("a plot", () => {
  test("has title, labels, ticks, a line for each series and its name", () => {
    const svg = plot(aPlot({ series: [aSeries({ name: "first" }), aSeries({ name: "second" })] }));
    for (const words of ["Cost", "tokens", "ms", "first", "second", "0", "40"])
      expect(svg).toContain(`>${words}</text>`);
    // Two curves and two samples in the legend; the second of each is dashed.
    expect(count(svg, /class="line c0"/g)).toBe(2);
    expect(count(svg, /class="line c1" stroke-dasharray=/g)).toBe(2);
    expect(svg).toContain("prefers-color-scheme:dark");
  });

  test("draws a step as level and rise, and marks where points are asked for", () => {
    expect(plot(aPlot({ series: [aSeries({ style: "step" })] }))).toMatch(
      /d="M[\d.]+ [\d.]+H[\d.]+V[\d.]+H[\d.]+V[\d.]+"/,
    );
    expect(count(plot(aPlot({ series: [aSeries({ style: "marked" })] })), /<circle/g)).toBe(3);
    expect(count(plot(aPlot()), /<circle/g)).toBe(0);
  });

  test("draws points that nothing joins, and shows one in the legend", () => {
    const svg = plot(aPlot({ series: [aSeries({ style: "points" })] }));
    expect(svg).toMatch(/class="points c0" d="(M[\d.]+ [\d.]+h0){3}"/);
    expect(svg).toMatch(/class="points c0" d="M[\d.]+ [\d.]+h0"/);
    expect(svg).not.toContain('class="line');
  });

  test("shows a single point, and says so when there is nothing", () => {
    expect(count(plot(aPlot({ series: [aSeries({ points: [{ x: 1, y: 1 }] })] })), /<circle/g)).toBe(1);
    expect(plot(aPlot({ series: [] }))).toContain("no data");
    expect(plot(aPlot({ series: [aSeries({ points: [{ x: NaN, y: 1 }] })] }))).toContain("no data");
  });

  test("leaves out what a log axis lacks", () => {
    const points = [0, 1, 10, 100].map((x) => ({ x, y: x }));
    const svg = plot(aPlot({ x: { label: "x", scale: "log" }, series: [aSeries({ points, style: "marked" })] }));
    expect(count(svg, /<circle/g)).toBe(3);
  });

  test("escapes all text", () => {
    const evil = `<script>alert("1 & '2'")</script>\x07`;
    const svg = plot({ title: evil, x: { label: evil }, y: { label: evil }, series: [aSeries({ name: evil })] });
    expect(svg).not.toContain("<script");
    expect(svg).not.toContain("\x07");
    expect(count(svg, /&lt;script&gt;alert\(&quot;1 &amp; &#39;2&#39;&quot;\)/g)).toBe(5);
  });

  test("stays within its frame, whatever is drawn", () => {
    const number = fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((n) => (Math.abs(n) < 1e-9 ? 0 : n));
    const points = fc.array(fc.record({ x: number, y: number }), { minLength: 1, maxLength: 50 });
    const scale = fc.constantFrom("linear" as const, "log" as const);
    fc.assert(
      fc.property(points, scale, scale, (points, x, y) => {
        const series = [aSeries({ points, style: "marked" })];
        const svg = plot(aPlot({ x: { label: "x", scale: x }, y: { label: "y", scale: y }, series }));
        expect(svg).not.toMatch(/NaN|Infinity|undefined/);
        for (const [, cx, cy] of svg.matchAll(/cx="([^"]+)" cy="([^"]+)"/g)) {
          expect(Number(cx)).toBeGreaterThanOrEqual(76);
          expect(Number(cx)).toBeLessThanOrEqual(690);
          expect(Number(cy)).toBeGreaterThanOrEqual(36);
          expect(Number(cy)).toBeLessThanOrEqual(330);
        }
      }),
    );
  });
});

describe("scales", () => {
  test.each([
    [
      [3, 97],
      [0, 20, 40, 60, 80, 100],
    ],
    [
      [0.02, 0.31],
      [0, 0.1, 0.2, 0.3, 0.4],
    ],
    [
      [-5, 5],
      [-6, -4, -2, 0, 2, 4, 6],
    ],
    [[], [0, 1]],
  ])("linear: round numbers from 0 over %j", (values, ticks) => {
    expect(linearScale(values).ticks).toEqual(ticks);
  });

  test.each([
    [
      [1, 1000],
      [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
    ],
    [
      [3, 3],
      [2, 5],
    ],
    [
      [0.001, 5000],
      [0.001, 0.01, 0.1, 1, 10, 100, 1000, 10_000],
    ],
    [
      [-1, 0],
      [1, 2, 5, 10],
    ],
  ])("log: round numbers around %j", (values, ticks) => {
    expect(logScale(values).ticks).toEqual(ticks);
  });

  test("go from 0 to 1 between the outer ticks, more for more", () => {
    for (const scale of [linearScale([1, 77]), logScale([1, 77])]) {
      expect(scale.position(scale.ticks[0]!)).toBeCloseTo(0);
      expect(scale.position(scale.ticks.at(-1)!)).toBeCloseTo(1);
      expect(scale.position(20)).toBeGreaterThan(scale.position(19));
    }
  });
});

test("counts have no ticks between them", () => {
  expect(linearScale([1, 2]).ticks).toEqual([0, 1, 2]);
  expect(linearScale([1, 1.5]).ticks).toEqual([0, 0.5, 1, 1.5]);
});

test("the cumulative curve rises from 0 to 1 at the values", () => {
  expect(cumulative([3, 1, 1, 2])).toEqual([
    { x: 1, y: 0 },
    { x: 1, y: 0.25 },
    { x: 1, y: 0.5 },
    { x: 2, y: 0.75 },
    { x: 3, y: 1 },
  ]);
  expect(cumulative([])).toEqual([]);
});

test("of many points some are left, evenly, and always the last", () => {
  const many = Array.from({ length: 1001 }, (_, i) => i);
  expect(thinned(many, 11)).toEqual([90, 181, 272, 363, 454, 545, 636, 727, 818, 909, 1000]);
  expect(thinned([1, 2, 3], 5)).toEqual([1, 2, 3]);
  expect(thinned([], 5)).toEqual([]);
});
