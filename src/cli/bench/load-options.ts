import type { Measurement } from "../../bench/measure-servers.ts";
import { parseRequirement, type Requirement } from "../../bench/requirement.ts";
import type { LoadShape } from "../../bench/run-load.ts";
import { parseServiceLevel, type ServiceLevel } from "../../bench/service-level.ts";
import { workloadShapes, type WorkloadName, type WorkloadShape } from "../../bench/workload.ts";
import { failure } from "../../core/errors.ts";
import { newSeed } from "../../core/ids.ts";
import type { ResultOptions } from "./results.ts";

/** As commander gives them. */
export interface LoadCommandOptions extends ResultOptions, Readonly<Partial<WorkloadShape>> {
  readonly url: string;
  readonly against?: string;
  readonly rounds: number;
  readonly model?: string;
  readonly apiKey?: string;
  readonly workload: WorkloadName;
  readonly prompts?: string;
  readonly concurrency?: number;
  readonly rate?: number;
  readonly arrival: "poisson" | "gamma";
  readonly burstiness?: number;
  readonly requests?: number;
  readonly duration?: number;
  readonly warmup: number;
  readonly seed?: number;
  readonly ignoreEos: boolean;
  readonly timeout: number;
  readonly slo?: string;
  readonly pid?: number;
  readonly failIf?: readonly string[];
}

interface Asked {
  readonly measurement: Measurement;
  readonly level: ServiceLevel | undefined;
  readonly requirements: readonly Requirement[];
}

/** Throws `invalid_config` where options do not fit together. */
export function measurementOf(options: LoadCommandOptions): Asked {
  const { url, against, duration, seed = newSeed() } = options;
  const requests = options.requests ?? (duration === undefined ? 64 : undefined);
  for (const one of [url, against]) if (one !== undefined) assertUrl(one);
  return {
    level: options.slo === undefined ? undefined : parseServiceLevel(options.slo),
    requirements: (options.failIf ?? []).map(parseRequirement),
    measurement: {
      urls: against === undefined ? [url] : [url, against],
      model: options.model,
      apiKey: options.apiKey,
      pid: options.pid,
      workload: options.workload,
      shape: shapeOf(options),
      prompts: options.prompts,
      seed,
      load: loadOf(options, seed),
      ...(requests === undefined ? {} : { requests }),
      ...(duration === undefined ? {} : { durationMs: 1000 * duration }),
      warmup: options.warmup,
      exactLength: options.ignoreEos,
      timeoutMs: 1000 * options.timeout,
      rounds: options.rounds,
    },
  };
}

function shapeOf(options: LoadCommandOptions): WorkloadShape {
  const usual = workloadShapes[options.workload];
  return {
    promptTokens: options.promptTokens ?? usual.promptTokens,
    sharedTokens: options.sharedTokens ?? usual.sharedTokens,
    prefixes: options.prefixes ?? usual.prefixes,
    outputTokens: options.outputTokens ?? usual.outputTokens,
    turns: options.turns ?? usual.turns,
  };
}

function loadOf({ rate, concurrency = 8, arrival, burstiness }: LoadCommandOptions, seed: number): LoadShape {
  const gamma = arrival === "gamma";
  if (rate === undefined && (gamma || burstiness !== undefined))
    throw failure("invalid_config", { problem: "--arrival and --burstiness are for an open loop: give --rate" });
  if (gamma !== (burstiness !== undefined))
    throw failure("invalid_config", { problem: "--arrival gamma and --burstiness go together" });
  return rate === undefined
    ? { kind: "closed", concurrency }
    : { kind: "open", rate, burstiness: burstiness ?? 1, seed };
}

function assertUrl(url: string): void {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw failure("invalid_config", {
      problem: `'${url}' is no URL of a server; accepted: like http://127.0.0.1:8000`,
    });
}
