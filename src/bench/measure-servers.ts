import { alternate, type AlternatedRuns } from "./compare-loads.ts";
import type { Endpoint } from "./completion-client.ts";
import { listenerOf } from "./listener.ts";
import { openEndpoint, vocabularyOf } from "./open-endpoint.ts";
import { promptFile } from "./prompt-file.ts";
import { runLoad, type LoadOptions, type LoadProgress } from "./run-load.ts";
import { workloadOf, type TokenRange, type Workload, type WorkloadName, type WorkloadShape } from "./workload.ts";

/** What is measured, of one server or of two in turns. */
export interface Measurement extends Pick<LoadOptions, "load" | "requests" | "durationMs" | "warmup"> {
  readonly urls: readonly [string] | readonly [string, string];
  readonly model: string | undefined;
  readonly apiKey: string | undefined;
  /** Of the first server's process; default: the one that listens at the URL, if it is of this machine. */
  readonly pid: number | undefined;
  readonly workload: WorkloadName;
  readonly shape: WorkloadShape;
  /** A JSONL file in place of the workload's prompts. */
  readonly prompts: string | undefined;
  readonly seed: number;
  readonly exactLength: boolean;
  readonly timeoutMs: number;
  /** How often each of two servers is measured. */
  readonly rounds: number;
}

export interface MeasuredProgress extends LoadProgress {
  readonly url: string;
  readonly round: number;
}

interface Watching {
  readonly signal: AbortSignal;
  readonly onProgress: ((progress: MeasuredProgress) => void) | undefined;
}

/** Conversations of different rounds have nothing of their own in common. */
const roundStride = 1_000_000;

/** Throws `remote_server_failed` if a server cannot be asked for its models; later failures are in the results. */
export async function measureServers(measurement: Measurement, watching: Watching): Promise<Measured> {
  const { urls, rounds } = measurement;
  const endpoints: Endpoint[] = [];
  for (const url of urls) endpoints.push(await openEndpoint({ ...measurement, url }));
  const vocabulary = await commonVocabulary(measurement, endpoints);
  const workload = workloadFor(measurement, vocabulary);
  const run = (server: 0 | 1, round: number) => {
    const url = urls[server]!;
    const pid = (server === 0 ? measurement.pid : undefined) ?? listenerOf(url);
    const { onProgress, signal } = watching;
    return runLoad({
      ...measurement,
      endpoint: endpoints[server]!,
      workload,
      first: round * roundStride,
      signal,
      ...(pid === undefined ? {} : { pid }),
      ...(onProgress === undefined ? {} : { onProgress: (progress) => onProgress({ ...progress, url, round }) }),
    });
  };
  const results = urls.length === 1 ? [[await run(0, 0)]] : await alternate({ rounds, run, signal: watching.signal });
  const servers = urls.map((name, server) => ({ name, results: results[server]! }));
  return { servers, models: endpoints.map(({ model }) => model), tokenIds: vocabulary !== undefined };
}

export interface Measured {
  readonly servers: readonly AlternatedRuns[];
  /** Of each server. */
  readonly models: readonly string[];
  /** Prompts were token ids and so exactly as long as asked for. */
  readonly tokenIds: boolean;
}

function workloadFor(measurement: Measurement, vocabulary: TokenRange | undefined): Workload {
  const { prompts, workload, shape, seed } = measurement;
  return prompts === undefined
    ? workloadOf(workload, shape, { seed, vocabulary })
    : promptFile(prompts, shape.outputTokens);
}

/** Both servers get the same prompts: of ids only where both take them. */
async function commonVocabulary(
  { workload, prompts }: Measurement,
  endpoints: readonly Endpoint[],
): Promise<TokenRange | undefined> {
  if (workload === "chat" || prompts !== undefined) return undefined;
  const ranges: (TokenRange | undefined)[] = [];
  for (const endpoint of endpoints) ranges.push(await vocabularyOf(endpoint));
  // Of two ranges the one that is for small vocabularies.
  return ranges.includes(undefined) ? undefined : ranges.toSorted((a, b) => a!.high - b!.high)[0];
}
