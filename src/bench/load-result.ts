/** One request of a run. All times in ms. */
export interface LoadSample {
  /** After the beginning of the run. */
  readonly startedAt: number;
  /** When each chunk with text arrived, after `startedAt`. */
  readonly chunksAt: readonly number[];
  /** From sending to the last token. */
  readonly e2e: number;
  /** As the server counted them; where it does not, prompts are unknown (0), and answers have as many as chunks. */
  readonly promptTokens: number;
  readonly cachedTokens: number | undefined;
  readonly completionTokens: number;
  /** What went wrong, in words that are the same for the same kind; undefined = answered as asked. */
  readonly problem: string | undefined;
}

/** Everything that a run has measured. */
export interface LoadResult {
  readonly samples: readonly LoadSample[];
  /** From the first request sent to the last that ended, in ms. */
  readonly durationMs: number;
  /** The most that ran at once. */
  readonly maxConcurrent: number;
  /** Requests that were sent again because the server had closed the connection that it had promised to keep. */
  readonly reconnects: number;
  /** How long after its time each request of an open loop was sent, in ms. */
  readonly lags: readonly number[];
  /** CPU time that the load generator itself took, in ms. */
  readonly clientCpuMs: number;
  /** The most that the server's processes held at once, in bytes; undefined if nobody looked. */
  readonly peakMemory: number | undefined;
}
