import type { ReportPage, ReportSection, TableRows } from "../report-page.ts";
import { show } from "../statistics.ts";
import type { GenerationCost, KvReuseFigures } from "./kv-reuse.ts";
import type { ThreadFigures } from "./thread-sweep.ts";

export interface ExperimentFigures {
  readonly kvReuse: KvReuseFigures;
  readonly threadSweep: readonly ThreadFigures[];
}

/** Cost of the whole sequence and of its last token, with the cache and without. */
export function kvReuseTable({ length, reused, recomputed }: KvReuseFigures): TableRows {
  const row = (name: string, { perToken, cumulative, exponents }: GenerationCost) => [
    name,
    last(perToken).toFixed(2),
    exponent(exponents.perToken),
    last(cumulative).toFixed(0),
    exponent(exponents.cumulative),
  ];
  return [
    ["KV CACHE", `TOKEN ${length} MS`, "GROWS AS", `ALL ${length} TOKENS MS`, "GROWS AS"],
    row("reused", reused),
    row("recomputed", recomputed),
    [
      "ratio",
      (last(recomputed.perToken) / last(reused.perToken)).toFixed(1),
      "",
      (last(recomputed.cumulative) / last(reused.cumulative)).toFixed(1),
      "",
    ],
  ];
}

export function threadTable(figures: readonly ThreadFigures[]): TableRows {
  const one = figures[0]!;
  return [
    ["THREADS", "PREFILL TOK/S", "OF 1 THREAD", "DECODE TOK/S", "OF 1 THREAD"],
    ...figures.map(({ threads, prefill, decode }) => [
      `${threads}`,
      show(prefill),
      (prefill.median / one.prefill.median).toFixed(2),
      show(decode),
      (decode.median / one.decode.median).toFixed(2),
    ]),
  ];
}

/** In words, whether both ways computed the same thing. */
export function agreementLine({ agreement: { lengths, same } }: KvReuseFigures): string {
  return `Both ways chose the same next token at ${same} of ${lengths} lengths.`;
}

export function experimentsPage({ kvReuse, threadSweep }: ExperimentFigures, facts: ReportPage["facts"]): ReportPage {
  return { title: "Experiments", facts, sections: [kvReuseSection(kvReuse), threadSection(threadSweep)] };
}

function kvReuseSection(figures: KvReuseFigures): ReportSection {
  const { length, reused, recomputed } = figures;
  const x = { label: "length of the sequence, tokens" };
  const cost = (title: string, of: "perToken" | "cumulative", scale: "linear" | "log" = "linear") => ({
    kind: "plot" as const,
    plot: {
      title,
      x: { ...x, scale },
      y: { label: "ms", scale },
      series: [
        { name: `KV cache reused: length to the power of ${plain(reused.exponents[of])}`, points: reused[of] },
        {
          name: `whole sequence recomputed: length to the power of ${plain(recomputed.exponents[of])}`,
          points: recomputed[of],
          style: "marked" as const,
        },
      ],
    },
  });
  return {
    heading: "KV cache: reused and recomputed",
    blocks: [
      {
        kind: "text",
        text:
          `${length} tokens generated one by one. With the keys and values of earlier tokens kept, a token costs about the same wherever it stands, ` +
          `and a text costs in proportion to its length. Without them each token costs a pass over the whole sequence, and a text the square of its length. ` +
          `Recomputation is measured at ${recomputed.perToken.length} lengths (marked); between them its sum takes the cost per token as linear. ${agreementLine(figures)}`,
      },
      { kind: "table", rows: kvReuseTable(figures) },
      cost("Cost of one token", "perToken"),
      cost("Cost of all tokens so far", "cumulative"),
      cost("Cost of all tokens so far, logarithmic: slopes are exponents", "cumulative", "log"),
    ],
  };
}

function threadSection(figures: readonly ThreadFigures[]): ReportSection {
  const of = (phase: "prefill" | "decode") =>
    figures.map((one) => ({ x: one.threads, y: one[phase].median / figures[0]![phase].median }));
  return {
    heading: "Threads",
    blocks: [
      { kind: "text", text: "One sequence. Medians over the rounds, with the interval of the median." },
      { kind: "table", rows: threadTable(figures) },
      {
        kind: "plot",
        plot: {
          title: "Speed by threads",
          x: { label: "threads" },
          y: { label: "times the speed of one thread" },
          series: [
            { name: "prefill", points: of("prefill"), style: "marked" },
            { name: "decode", points: of("decode"), style: "marked" },
            { name: "proportional", points: figures.map(({ threads }) => ({ x: threads, y: threads })) },
          ],
        },
      },
    ],
  };
}

const last = (points: GenerationCost["perToken"]): number => points.at(-1)!.y;

function plain(k: number | undefined): string {
  return k === undefined ? "unknown" : k.toFixed(2);
}

function exponent(k: number | undefined): string {
  return k === undefined ? "-" : `n^${k.toFixed(2)}`;
}
