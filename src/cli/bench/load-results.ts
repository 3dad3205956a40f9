import { compareLoads, comparisonRows, joined } from "../../bench/compare-loads.ts";
import { loadJson, type LoadFacts } from "../../bench/load-json.ts";
import { metricsOf, type LoadMetrics } from "../../bench/load-metrics.ts";
import { loadPage } from "../../bench/load-page.ts";
import { figureRows, timeRows } from "../../bench/load-report.ts";
import { summarizeLoad } from "../../bench/load-summary.ts";
import { machineFacts } from "../../bench/machine.ts";
import type { Measured, Measurement } from "../../bench/measure-servers.ts";
import type { ReportPage, TableRows } from "../../bench/report-page.ts";
import type { ServiceLevel } from "../../bench/service-level.ts";

interface LoadResults {
  readonly json: object;
  readonly page: ReportPage;
  readonly text: readonly (TableRows | string)[];
  /** Of the first server. */
  readonly metrics: LoadMetrics;
}

/** What was measured, for people and for programs. */
export function loadResults(measured: Measured, measurement: Measurement, level?: ServiceLevel): LoadResults {
  const servers = measured.servers.map(({ name, results }) => {
    const result = joined(results);
    return { name, results, result, summary: summarizeLoad(result, level) };
  });
  const [first, second] = servers;
  const described = inWords(measured, measurement);
  const facts = { ...machineFacts(), model: measured.models.join(", "), workload: described, seed: measurement.seed };
  const json = servers.map(({ result, summary }, i) => loadJson(factsOf(measured, measurement, i), summary, result));
  const figures = servers.flatMap(({ name, summary }) => [
    ...(second === undefined ? [] : [name]),
    timeRows(summary),
    figureRows(summary),
  ]);
  const metrics = metricsOf(first!.summary);
  if (second === undefined || first!.results.length === 0)
    return { json: json[0]!, page: loadPage({ facts, servers }), text: [described, ...figures], metrics };
  const compared = compareLoads(first!, second, level);
  const rows = comparisonRows(first!.name, second.name, compared);
  const rounds = `Each ratio is taken within a round: ${first!.name} to ${second.name}, ${first!.results.length} rounds.`;
  const opening = [
    { kind: "table" as const, rows },
    { kind: "text" as const, text: rounds },
  ];
  return {
    json: { comparison: compared, servers: json },
    page: loadPage({ facts, servers, opening }),
    text: [described, ...figures, rows, rounds],
    metrics,
  };
}

function factsOf({ models }: Measured, measurement: Measurement, server: number): LoadFacts {
  const { load, workload, prompts, seed, urls, requests } = measurement;
  return {
    model_id: models[server]!,
    base_url: urls[server]!,
    num_prompts: requests,
    request_rate: load.kind === "open" ? load.rate : "inf",
    burstiness: load.kind === "open" ? load.burstiness : undefined,
    max_concurrency: load.kind === "closed" ? load.concurrency : undefined,
    workload: prompts ?? workload,
    seed,
    machine: machineFacts(),
  };
}

/** "unique: prompts of 97 tokens, answers of 64; 8 clients; seed 7" */
function inWords({ tokenIds }: Measured, { workload, shape, prompts, load, seed }: Measurement): string {
  const unit = tokenIds ? "tokens" : "words";
  const shared = shape.sharedTokens > 0 ? `, ${shape.sharedTokens} of them shared` : "";
  const chat = `${shape.turns} turns of ${shape.promptTokens} words after ${shape.sharedTokens} shared ones`;
  const asked = workload === "chat" ? chat : `prompts of ${shape.promptTokens} ${unit}${shared}`;
  const what = prompts ?? `${workload}: ${asked}, answers of ${shape.outputTokens} tokens`;
  const who = load.kind === "closed" ? `${load.concurrency} clients` : `${load.rate} requests/s`;
  return `${what}; ${who}; seed ${seed}`;
}
