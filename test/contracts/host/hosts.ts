import { pino } from "pino";
import { afterEach, beforeEach } from "vitest";
import { defaultPlan } from "../../../src/core/execution-plan.ts";
import type { GenerationEvent, GenerationRequest, TokenLogprobs, Usage } from "../../../src/core/generation.ts";
import { defaultScheduling } from "../../../src/core/scheduling.ts";
import { EngineHost } from "../../../src/host/engine-host.ts";
import { livenessLimits, type LivenessLimits } from "../../../src/host/liveness.ts";
import { someRequest, someSampling } from "../../../src/inference/testing.ts";

const lines: string[] = [];
/** Told when the test has failed. */
export const hostLog = pino({ level: "debug" }, { write: (line) => lines.push(line) });
beforeEach(() => {
  lines.length = 0;
});
afterEach(({ task }) => {
  if (task.result?.state === "fail") console.log(lines.join(""));
});

export const never = new AbortController().signal;

/** A host over a fake engine in a process of its own. */
export function startHost(engine: string, limits: Partial<LivenessLimits> = {}, slots = 4): EngineHost {
  const plan = { ...defaultPlan("fake-model", 2), slots };
  return EngineHost.start(
    { engine, plan },
    { modelId: "fake", scheduling: defaultScheduling, logger: hostLog, limits: { ...livenessLimits, ...limits } },
  );
}

export async function readyHost(
  engine: string,
  limits: Partial<LivenessLimits> = {},
  slots?: number,
): Promise<EngineHost> {
  const host = startHost(engine, limits, slots);
  await host.ready();
  return host;
}

let requests = 0;
export const aRequest = (over: Partial<GenerationRequest> = {}): GenerationRequest =>
  someRequest({ id: `r${++requests}`, sampling: someSampling({ temperature: 0 }), ignoreEos: true, ...over });

export async function collect(events: AsyncIterable<GenerationEvent>): Promise<{ text: string; tokens: number[] }> {
  const { text, tokens } = await collectAll(events);
  return { text, tokens };
}

export interface Collected {
  text: string;
  tokens: number[];
  logprobs: TokenLogprobs[];
  /** How many there were. */
  admitted: number;
  usage: Usage | undefined;
  resumes: number;
}

/** Everything that a stream says. */
export async function collectAll(events: AsyncIterable<GenerationEvent>): Promise<Collected> {
  const answer: Collected = { text: "", tokens: [], logprobs: [], admitted: 0, usage: undefined, resumes: 0 };
  for await (const event of events) {
    if (event.type === "admitted") answer.admitted++;
    else if (event.type === "text-delta") {
      answer.text += event.text;
      answer.tokens.push(...event.tokens);
      answer.logprobs.push(...(event.logprobs ?? []));
    } else if (event.type === "finished") {
      answer.usage = event.usage;
      answer.resumes = event.resumes ?? 0;
    }
  }
  return answer;
}
