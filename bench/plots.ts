import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { LoadSample } from "../src/bench/load-result.ts";
import { cumulative, plot, thinned, type Plot, type Point, type Series } from "../src/bench/plot.ts";
import { timesOf } from "../src/bench/request-times.ts";
import { readResults, type MeasuredRow, type Prediction, type Results } from "./results.ts";
import { bound, type Turn } from "./targets/row.ts";

/** Draws what `targets --json` and `step-cost --json` have measured, a file for each plot. */
export function plots(args: readonly string[]): void {
  const { values } = parseArgs({
    args: [...args],
    options: { from: { type: "string" }, out: { type: "string", default: "docs/plots" } },
  });
  if (values.from === undefined) throw new Error("--from FILE: a file that `targets --json FILE` has written");
  mkdirSync(values.out, { recursive: true });
  for (const [name, drawn] of Object.entries(plotsOf(readResults(values.from)))) {
    const file = join(values.out, `${name}.svg`);
    writeFileSync(file, plot(drawn));
    console.log(`  ${file}: ${drawn.title}`);
  }
}

/** Those that the results have the figures for, by the name of their file. */
export function plotsOf({ rows, predictions }: Results): Record<string, Plot> {
  const drawn = rows.flatMap((row) => {
    const draw = rowPlots[row.number];
    return draw === undefined ? [] : [[`row-${row.number}`, draw(row)] as const];
  });
  const cost = predictions === undefined ? [] : [["step-cost", stepCosts(predictions.steps)] as const];
  return Object.fromEntries([...drawn, ...cost]);
}

const rowPlots: Readonly<Record<number, (row: MeasuredRow) => Plot>> = {
  1: (row) => firstTokens("8 clients, 350 of 415 prompt tokens shared", eachAs(row, "clients")),
  2: (row) => firstTokens("8 clients, 97 prompt tokens, nothing shared", eachAs(row, "clients")),
  4: (row) => firstTokens("16 clients on 8 slots, mixed lengths", eachAs(row, "clients")),
  6: (row) => cachedTokens(row),
  8: (row) => longPrompt(row),
  9: (row) => firstTokens("interactive beside a batch tenant", quiet(row)),
  10: (row) => firstTokens("a light tenant beside a heavy one", quiet(row)),
};

/** The requests of a variant's load, by the name that stands in the plot. */
type Named = readonly (readonly [name: string, samples: readonly LoadSample[]])[];

/** The requests of all rounds. */
function samplesOf(turns: readonly Turn[], load: string): LoadSample[] {
  return turns.flatMap(({ loads }) => loads?.[load] ?? []).filter(({ problem }) => problem === undefined);
}

/** The bound has no clients. */
const servers = ({ variants }: MeasuredRow) => Object.entries(variants).filter(([name]) => name !== bound);

function eachAs(row: MeasuredRow, load: string, more = ""): Named {
  return servers(row).map(([name, turns]) => [name + more, samplesOf(turns, load)]);
}

const quiet = (row: MeasuredRow): Named => [...eachAs(row, "beside", ", beside"), ...eachAs(row, "alone", ", alone")];

const plotted = 150;

function firstTokens(what: string, named: Named): Plot {
  return {
    title: `Time to first token: ${what}`,
    x: { label: "ms", scale: "log" },
    y: { label: "part of the requests" },
    series: named.map(([name, samples]) => ({
      name,
      points: thinned(cumulative(samples.map((sample) => timesOf(sample).ttft)), plotted),
      style: "step",
    })),
  };
}

/** Of each request of one client that takes the prefixes in rotation: the mean over the rounds. */
function cachedTokens(row: MeasuredRow): Plot {
  const series = servers(row).map(([name, turns]): Series => {
    const rounds = turns.map(({ loads }) => loads?.["one_client"] ?? []);
    const requests = Math.max(0, ...rounds.map((samples) => samples.length));
    const at = (i: number) => rounds.flatMap((samples) => samples[i]?.cachedTokens ?? []);
    const points = Array.from({ length: requests }, (_, i) => ({ x: i + 1, y: mean(at(i)) }));
    return { name, points, style: "step" };
  });
  return {
    title: "Prompt tokens from the cache: 24 prefixes of 512 in rotation",
    x: { label: "request" },
    y: { label: "tokens" },
    series,
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Around the long prompt, the longest wait for a token in each slice of time, of the round that is the median one. */
function longPrompt(row: MeasuredRow): Plot {
  const series = servers(row).flatMap(([name, turns]): Series[] => {
    const middle = medianTurn(turns, "beside_p99_itl_ms");
    const { streams = [], long: [long] = [] } = middle?.loads ?? {};
    if (long === undefined) return [];
    const seconds = (timesOf(long).ttft / 1000).toFixed(1);
    return [
      {
        name: `${name} (its first token after ${seconds} s)`,
        points: longestGaps(streams, long.startedAt),
        style: "step",
      },
    ];
  });
  return {
    title: "4 streams beside a 4,000-token prompt: longest waits for a token",
    x: { label: "s after the prompt was sent" },
    y: { label: "ms", scale: "log" },
    series,
  };
}

function medianTurn(turns: readonly Turn[], metric: string): Turn | undefined {
  const sorted = turns.toSorted((a, b) => a.metrics[metric]! - b.metrics[metric]!);
  return sorted[(sorted.length - 1) >> 1];
}

const sliceMs = 250;

/** By slice of time, in seconds after `zero`: a reader waits from one token to the next. */
function longestGaps(streams: readonly LoadSample[], zero: number): Point[] {
  const sliceOf = (ms: number) => Math.floor((ms - zero) / sliceMs);
  const longest = new Map<number, number>();
  for (const { startedAt, chunksAt } of streams) {
    for (const [i, from] of chunksAt.slice(0, -1).entries()) {
      const to = chunksAt[i + 1]!;
      for (let slice = sliceOf(startedAt + from); slice <= sliceOf(startedAt + to); slice++)
        longest.set(slice, Math.max(longest.get(slice) ?? 0, to - from));
    }
  }
  return [...longest].map(([slice, y]) => ({ x: (slice * sliceMs) / 1000, y })).toSorted((a, b) => a.x - b.x);
}

/** A perfect prediction lies on the line. */
function stepCosts(steps: readonly Prediction[]): Plot {
  const measured = steps.map((step) => step.measured);
  const ends = [Math.min(...measured), Math.max(...measured)];
  const kinds = [...new Set(steps.map(({ kind }) => kind))];
  return {
    title: "Cost of steps of random shapes, predicted from those before",
    x: { label: "ms that a step took", scale: "log" },
    y: { label: "ms predicted", scale: "log" },
    series: [
      ...kinds.map((kind): Series => ({
        name: kind,
        points: steps.filter((step) => step.kind === kind).map((step) => ({ x: step.measured, y: step.predicted })),
        style: "points",
      })),
      { name: "exact", points: ends.map((end) => ({ x: end, y: end })) },
    ],
  };
}
