import { escapeMarkup } from "./markup.ts";
import { linearScale, logScale, type Scale } from "./plot-scale.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Series {
  readonly name: string;
  /** In the order in which they are joined, if they are. Those with a value that is no number, or that a log axis lacks, are left out. */
  readonly points: readonly Point[];
  /** `line` joins the points; `marked` also shows each, `points` only that; `step` keeps a value until the next. Default: `line`. */
  readonly style?: "line" | "marked" | "points" | "step";
}

interface Axis {
  /** What it shows, with the unit. */
  readonly label: string;
  /** Default: linear, from 0. */
  readonly scale?: "linear" | "log";
}

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

const width = 720;
const area = { left: 76, top: 36, right: 690, bottom: 330 };
const legendTop = 390;
const legendRow = 22;

// Okabe and Ito's colours, which people tell apart however they see colours (https://jfly.uni-koeln.de/color/), ordered by
// contrast and made lighter on dark ground. The dashes tell lines apart without any colour.
const colours = ["#0072b2", "#d55e00", "#008a64", "#b3568f", "#9a6b00", "#2e86b5"];
const coloursOnDark = ["#5ab4f0", "#ff8a4c", "#3ecfa3", "#e79ac8", "#e6b33e", "#9ad5f5"];
const dashes = ["", "7 4", "2 3", "9 3 2 3", "12 4", "4 2"];

const style = `<style>
.plot{background:#fff;color:#1a2321;font:13px system-ui,sans-serif}
.plot text{fill:currentColor}.plot .ground{fill:#fff}.plot .grid{stroke:#d7dcd9}.plot .frame{stroke:#586460;fill:none}
.plot .title{font-weight:600;font-size:15px}.plot .line{fill:none;stroke-width:2;stroke-linejoin:round}
.plot .points{stroke-width:5;stroke-linecap:round;stroke-opacity:.7}
${colours.map((colour, i) => `.plot .c${i}{stroke:${colour};color:${colour}}`).join("")}
@media (prefers-color-scheme:dark){.plot{background:#1a2120;color:#e5ebe9}
.plot .ground{fill:#1a2120}.plot .grid{stroke:#35403d}.plot .frame{stroke:#9aa8a3}
${coloursOnDark.map((colour, i) => `.plot .c${i}{stroke:${colour};color:${colour}}`).join("")}}
</style>`;

/** One self-contained SVG, for a page or a file of its own, readable on light and dark ground. */
export function plot({ title, x, y, series }: Plot): string {
  const drawn = series.map(({ points, ...rest }) => ({ ...rest, points: points.filter(placeable(x, y)) }));
  const all = drawn.flatMap(({ points }) => points);
  const scales = { x: scaleOf(x, all, "x"), y: scaleOf(y, all, "y") };
  const legend = legendOf(series);
  const height = legendTop + legend.rows * legendRow;
  const label = escapeMarkup(title);
  return [
    `<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">`,
    style,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    `<text class="title" x="${area.left}" y="22">${label}</text>`,
    ...xAxis(x, scales.x),
    ...yAxis(y, scales.y),
    `<path class="frame" d="M${area.left} ${area.top}V${area.bottom}H${area.right}"/>`,
    ...(all.length === 0 ? [text({ x: width / 2, y: 190 }, "no data", 'text-anchor="middle"')] : []),
    ...drawn.map((one, index) => curve(one, index, scales)),
    ...legend.marks,
    "</svg>\n",
  ].join("\n");
}

/** The part of `values` that is at most x, as points of a `step` series. */
export function cumulative(values: readonly number[]): Point[] {
  const sorted = values.toSorted((a, b) => a - b);
  const points = sorted.map((x, i) => ({ x, y: (i + 1) / sorted.length }));
  return points.length === 0 ? [] : [{ x: sorted[0]!, y: 0 }, ...points];
}

/** Of many points so many at most, evenly: nobody sees more. The last one stays. */
export function thinned<T>(points: readonly T[], most = 500): T[] {
  const stride = Math.ceil(points.length / most);
  return points.filter((_, i) => (points.length - 1 - i) % stride === 0);
}

function placeable(x: Axis, y: Axis): (point: Point) => boolean {
  const has = ({ scale }: Axis, value: number) => Number.isFinite(value) && (scale !== "log" || value > 0);
  return (point) => has(x, point.x) && has(y, point.y);
}

function scaleOf({ scale }: Axis, points: readonly Point[], of: "x" | "y"): Scale {
  const values = points.map((point) => point[of]);
  return scale === "log" ? logScale(values) : linearScale(values);
}

function xAxis({ label }: Axis, scale: Scale): string[] {
  const middle = (area.left + area.right) / 2;
  return [
    ...scale.ticks.flatMap((tick) => {
      const at = across(scale, tick);
      return [
        `<path class="grid" d="M${at} ${area.top}V${area.bottom}"/>`,
        text({ x: at, y: area.bottom + 19 }, formatTick(tick), 'text-anchor="middle"'),
      ];
    }),
    text({ x: middle, y: area.bottom + 41 }, label, 'text-anchor="middle"'),
  ];
}

function yAxis({ label }: Axis, scale: Scale): string[] {
  const middle = (area.top + area.bottom) / 2;
  return [
    ...scale.ticks.flatMap((tick) => {
      const at = upwards(scale, tick);
      return [
        `<path class="grid" d="M${area.left} ${at}H${area.right}"/>`,
        text({ x: area.left - 8, y: at + 4 }, formatTick(tick), 'text-anchor="end"'),
      ];
    }),
    text({ x: 18, y: middle }, label, `text-anchor="middle" transform="rotate(-90 18 ${middle})"`),
  ];
}

function curve({ points, style }: Series, index: number, scales: { x: Scale; y: Scale }): string {
  const places = points.map((point) => ({ x: across(scales.x, point.x), y: upwards(scales.y, point.y) }));
  if (style === "points") return dots(places, index);
  const path = places.map(({ x, y }, i) => (i === 0 ? `M${x} ${y}` : style === "step" ? `H${x}V${y}` : `L${x} ${y}`));
  const line = path.length === 0 ? "" : `<path class="line ${look(index)}" d="${path.join("")}"/>`;
  // A line of one point cannot be seen.
  if (style !== "marked" && places.length !== 1) return line;
  return (
    line +
    places
      .map(({ x, y }) => `<circle class="${classOf(index)}" fill="currentColor" cx="${x}" cy="${y}" r="3"/>`)
      .join("")
  );
}

/** A line of no length has round ends: a dot in few characters. */
function dots(places: readonly Point[], index: number): string {
  return `<path class="points ${classOf(index)}" d="${places.map(({ x, y }) => `M${x} ${y}h0`).join("")}"/>`;
}

function legendOf(series: readonly Series[]): { rows: number; marks: string[] } {
  const columns = series.some(({ name }) => name.length > 42) ? 1 : 2;
  const marks = series.map(({ name, style }, index) => {
    const x = area.left + ((index % columns) * (area.right - area.left)) / 2;
    const y = legendTop + Math.floor(index / columns) * legendRow;
    const sample =
      style === "points"
        ? dots([{ x: x + 17, y: y - 4 }], index)
        : `<path class="line ${look(index)}" d="M${x} ${y - 4}h34"/>`;
    return sample + text({ x: x + 42, y }, name);
  });
  return { rows: Math.ceil(series.length / columns), marks };
}

function classOf(index: number): string {
  return `c${index % colours.length}`;
}

/** The rest of a `class` attribute, and the dashes: after all colours they shift by one, so 36 lines differ. */
function look(index: number): string {
  const dash = dashes[(index + Math.floor(index / colours.length)) % dashes.length]!;
  return dash === "" ? classOf(index) : `${classOf(index)}" stroke-dasharray="${dash}`;
}

function text(at: Point, words: string, attributes = ""): string {
  return `<text x="${at.x}" y="${at.y}" ${attributes}>${escapeMarkup(words)}</text>`;
}

function across(scale: Scale, value: number): number {
  return pixel(area.left + scale.position(value) * (area.right - area.left));
}

function upwards(scale: Scale, value: number): number {
  return pixel(area.bottom - scale.position(value) * (area.bottom - area.top));
}

function pixel(value: number): number {
  return Math.round(value * 10) / 10;
}

function formatTick(value: number): string {
  const notation = Math.abs(value) >= 1e6 ? "compact" : "standard";
  return new Intl.NumberFormat("en", { maximumSignificantDigits: 6, notation }).format(value);
}
