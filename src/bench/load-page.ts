import type { LoadResult, LoadSample } from "./load-result.ts";
import { figureRows, timeRows, timeTitles } from "./load-report.ts";
import type { LoadSummary, TimeName } from "./load-summary.ts";
import { cumulative, thinned, type Plot, type Series } from "./plot.ts";
import type { ReportBlock, ReportPage } from "./report-page.ts";
import { timesOf, type RequestTimes } from "./request-times.ts";

/** One server's part of a page. */
interface MeasuredServer {
  readonly name: string;
  readonly result: LoadResult;
  readonly summary: LoadSummary;
}

interface PageContent {
  readonly facts: Readonly<Record<string, string | number>>;
  readonly servers: readonly MeasuredServer[];
  /** What comes before the figures, such as a comparison. */
  readonly opening?: readonly ReportBlock[];
}

/** A page: the figures of each server, the distributions of their times, and how the run went. */
export function loadPage({ facts, servers, opening = [] }: PageContent): ReportPage {
  const plots = [
    distribution(servers, "ttft", ({ ttft }) => [ttft]),
    distribution(servers, "itl", ({ itl }) => itl),
    timeline(servers),
    firstTokens(servers),
  ];
  return {
    title: "Millrace bench",
    facts,
    sections: [
      ...(opening.length === 0 ? [] : [{ heading: "Comparison", blocks: opening }]),
      ...servers.map(({ name, summary }) => ({
        heading: name,
        blocks: [
          { kind: "table" as const, rows: timeRows(summary) },
          { kind: "table" as const, rows: [["figure", "value"], ...figureRows(summary)] },
        ],
      })),
      { heading: "Plots", blocks: plots.map((plot) => ({ kind: "plot" as const, plot })) },
    ],
  };
}

function distribution(
  servers: readonly MeasuredServer[],
  name: TimeName,
  valuesOf: (times: RequestTimes) => readonly number[],
): Plot {
  const series = seriesOf(servers, (samples) => thinned(cumulative(samples.map(timesOf).flatMap(valuesOf))));
  return {
    title: `Part of all ${timeTitles[name]}s that took at most so long`,
    x: { label: "ms", scale: "log" },
    y: { label: "part" },
    series: series.map((one) => ({ ...one, style: "step" })),
  };
}

const slices = 60;

/** Chunks per second over the run: where a server stalls, the line falls. */
function timeline(servers: readonly MeasuredServer[]): Plot {
  const longest = Math.max(...servers.map(({ result }) => result.durationMs));
  const width = Math.max(1, longest / slices);
  return {
    title: "Chunks that arrived, per second",
    x: { label: "s after the start" },
    y: { label: "chunks/s" },
    series: seriesOf(servers, (samples) => {
      const counts = new Float64Array(slices);
      for (const { startedAt, chunksAt } of samples)
        for (const at of chunksAt) counts[Math.min(slices - 1, Math.floor((startedAt + at) / width))]! += 1;
      return Array.from(counts, (count, i) => ({ x: ((i + 0.5) * width) / 1000, y: (1000 * count) / width }));
    }),
  };
}

function firstTokens(servers: readonly MeasuredServer[]): Plot {
  return {
    title: "Time to first token of each request, by when it was sent",
    x: { label: "s after the start" },
    y: { label: "ms" },
    series: seriesOf(servers, (samples) =>
      samples
        .toSorted((a, b) => a.startedAt - b.startedAt)
        .map((sample) => ({ x: sample.startedAt / 1000, y: timesOf(sample).ttft })),
    ),
  };
}

function seriesOf(
  servers: readonly MeasuredServer[],
  pointsOf: (samples: readonly LoadSample[]) => Series["points"],
): Series[] {
  return servers.map(({ name, result }) => ({
    name,
    points: pointsOf(result.samples.filter(({ problem }) => problem === undefined)),
  }));
}
