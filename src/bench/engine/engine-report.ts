import type { Plot, Series } from "../plot.ts";
import type { ReportPage, TableRows } from "../report-page.ts";
import { show, type Summary } from "../statistics.ts";
import type { BatchFigures, EngineBenchOptions } from "./engine-bench.ts";

export function engineTable(figures: readonly BatchFigures[]): TableRows {
  return [
    ["BATCH SIZE", "PREFILL TOK/S", "DECODE TOK/S", "TTFT MS", "TIME PER TOKEN MS", "BURSTS"],
    ...figures.map(({ batchSize, bursts, prefill, decode, timeToFirstToken, timePerOutputToken }) => [
      `${batchSize}`,
      show(prefill),
      show(decode),
      show(timeToFirstToken, 1),
      show(timePerOutputToken, 2),
      `${bursts}`,
    ]),
  ];
}

export function enginePage(
  figures: readonly BatchFigures[],
  { options, facts }: { readonly options: EngineBenchOptions; readonly facts: ReportPage["facts"] },
): ReportPage {
  const { promptTokens, outputTokens } = options;
  const about = `Prompts of ${promptTokens} tokens that arrive at once, answered with ${outputTokens} tokens each, without HTTP.`;
  return {
    title: "The engine alone",
    facts,
    sections: [
      {
        heading: "By batch size",
        blocks: [
          { kind: "text", text: `${about} Medians over the bursts, with the interval of the median.` },
          { kind: "table", rows: engineTable(figures) },
          { kind: "plot", plot: aPlot("Throughput", "tokens/s", rates(figures)) },
          {
            kind: "plot",
            plot: aPlot("Time to the first token", "ms", [curve("TTFT", figures, (f) => f.timeToFirstToken)]),
          },
          {
            kind: "plot",
            plot: aPlot("Time per token of one answer", "ms", [
              curve("time per token", figures, (f) => f.timePerOutputToken),
            ]),
          },
        ],
      },
    ],
  };
}

function aPlot(title: string, unit: string, series: readonly Series[]): Plot {
  return { title, x: { label: "batch size" }, y: { label: unit }, series };
}

function rates(figures: readonly BatchFigures[]): Series[] {
  return [curve("prefill", figures, ({ prefill }) => prefill), curve("decode", figures, ({ decode }) => decode)];
}

function curve(name: string, figures: readonly BatchFigures[], of: (figures: BatchFigures) => Summary): Series {
  return { name, style: "marked", points: figures.map((one) => ({ x: one.batchSize, y: of(one).median })) };
}
