import type { ChatMessage } from "../core/generation.ts";
import { arrivalTimes, type ArrivalProcess } from "./arrivals.ts";
import { CompletionClient, type CompletionCall, type Endpoint, type Exchange } from "./completion-client.ts";
import type { LoadResult, LoadSample } from "./load-result.ts";
import { MemoryWatch } from "./memory-watch.ts";
import type { Turn, Workload } from "./workload.ts";

/** Who sends when. */
export type LoadShape =
  /** So many clients; each sends its next request when its last one has ended. */
  | { readonly kind: "closed"; readonly concurrency: number }
  /** By the clock, however many still run. What comes is conversations: their later turns follow the answers. */
  | ({ readonly kind: "open" } & ArrivalProcess);

export interface LoadOptions {
  readonly endpoint: Endpoint;
  readonly workload: Workload;
  readonly load: LoadShape;
  /** How many requests are sent at most. Default: no limit. */
  readonly requests?: number;
  /** No request is sent after this, in ms. Default: no limit. One of the two must be given. */
  readonly durationMs?: number;
  /** Requests before the measurement, of conversations of their own. Default 0. */
  readonly warmup?: number;
  /** The number of the first conversation. Default 0. */
  readonly first?: number;
  /** Ask for exactly the workload's number of tokens, and count any other as an error. Default true. */
  readonly exactLength?: boolean;
  /** For one answer, in ms. Default ten minutes. */
  readonly timeoutMs?: number;
  /** The server's process: the memory of it and its children is watched. */
  readonly pid?: number;
  /** Ends the run early, with what was measured so far. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

export interface LoadProgress {
  readonly elapsedMs: number;
  readonly ended: number;
  readonly failed: number;
  readonly running: number;
  /** Chunks with text that have arrived, warm-up included. */
  readonly chunks: number;
}

const progressMs = 250;
/** A client whose request failed at once would otherwise send the next one at once. */
const pauseAfterFailureMs = 100;

/** Sends a load to a server and measures each answer. Never fails on what the server does: that is in the samples. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  using client = new CompletionClient(options.endpoint);
  const giveUp = () => client[Symbol.dispose]();
  options.signal?.addEventListener("abort", giveUp);
  try {
    const { warmup = 0, load } = options;
    if (warmup > 0) {
      const concurrency = load.kind === "closed" ? load.concurrency : Math.min(8, warmup);
      const warm = { ...options, requests: warmup, durationMs: Infinity };
      const backwards: Workload = (index) => options.workload(-1 - index);
      await new LoadRun(client, { ...warm, load: { kind: "closed", concurrency }, workload: backwards }).run();
    }
    return await new LoadRun(client, options).run();
  } finally {
    options.signal?.removeEventListener("abort", giveUp);
  }
}

class LoadRun {
  readonly #client: CompletionClient;
  readonly #options: LoadOptions;
  readonly #samples: LoadSample[] = [];
  readonly #lags: number[] = [];
  readonly #begin = performance.now();
  #conversations = 0;
  #sent = 0;
  #running = 0;
  #maxConcurrent = 0;
  #failed = 0;

  constructor(client: CompletionClient, options: LoadOptions) {
    this.#client = client;
    this.#options = options;
    this.#conversations = options.first ?? 0;
  }

  async run(): Promise<LoadResult> {
    const { load, onProgress, pid } = this.#options;
    const timer = onProgress && setInterval(() => onProgress(this.#progress()), progressMs);
    const cpu = process.cpuUsage();
    const { reconnects } = this.#client;
    using memory = pid === undefined ? undefined : new MemoryWatch(pid);
    try {
      await (load.kind === "closed" ? this.#closedLoop(load.concurrency) : this.#openLoop(load));
    } finally {
      clearInterval(timer);
    }
    const { user, system } = process.cpuUsage(cpu);
    return {
      samples: this.#samples,
      durationMs: this.#samples.reduce((end, { startedAt, e2e }) => Math.max(end, startedAt + e2e), 0),
      maxConcurrent: this.#maxConcurrent,
      reconnects: this.#client.reconnects - reconnects,
      lags: this.#lags,
      clientCpuMs: (user + system) / 1000,
      peakMemory: memory?.peak(),
    };
  }

  async #closedLoop(concurrency: number): Promise<void> {
    const client = async () => {
      while (this.#goesOn()) if (!(await this.#converse())) await this.#sleep(pauseAfterFailureMs);
    };
    await Promise.all(Array.from({ length: concurrency }, client));
  }

  async #openLoop(arrivals: ArrivalProcess): Promise<void> {
    const conversations: Promise<boolean>[] = [];
    for (const at of arrivalTimes(arrivals)) {
      const { durationMs = Infinity } = this.#options;
      if (at <= durationMs) await this.#sleep(this.#begin + at - performance.now());
      if (at > durationMs || !this.#goesOn()) break;
      this.#lags.push(performance.now() - this.#begin - at);
      conversations.push(this.#converse());
    }
    await Promise.all(conversations);
  }

  #goesOn(): boolean {
    const { requests = Infinity, durationMs = Infinity, signal } = this.#options;
    return this.#sent < requests && performance.now() - this.#begin < durationMs && signal?.aborted !== true;
  }

  /** Sends the turns of the next conversation, one after the other; false = one failed, and the rest were not sent. */
  async #converse(): Promise<boolean> {
    const { turns } = this.#options.workload(this.#conversations++);
    let said: readonly ChatMessage[] = [];
    for (const turn of turns) {
      if (!this.#goesOn()) break;
      const { content } = turn;
      if (content.kind === "messages") said = [...said, ...content.messages];
      const { problem, text } = await this.#send(turn, said);
      if (problem !== undefined) return false;
      said = [...said, { role: "assistant", content: text }];
    }
    return true;
  }

  async #send(turn: Turn, said: readonly ChatMessage[]): Promise<Exchange> {
    const { exactLength = true, timeoutMs = 600_000, signal } = this.#options;
    this.#sent++;
    this.#running++;
    this.#maxConcurrent = Math.max(this.#maxConcurrent, this.#running);
    const exchange = await this.#client.complete({ ...callOf(turn, said, exactLength), timeoutMs });
    this.#running--;
    if (signal?.aborted === true && exchange.problem !== undefined) return exchange; // given up, not failed
    const sample = this.#sampleOf(exchange, exactLength ? turn.maxTokens : undefined);
    if (sample.problem !== undefined) this.#failed++;
    this.#samples.push(sample);
    return { ...exchange, problem: sample.problem };
  }

  #sampleOf(exchange: Exchange, expected: number | undefined): LoadSample {
    const { startedAt, chunksAt, lastTokenAt, usage } = exchange;
    const miscounted = usage !== undefined && expected !== undefined && usage.completion !== expected;
    return {
      startedAt: startedAt - this.#begin,
      chunksAt: chunksAt.map((at) => at - startedAt),
      e2e: lastTokenAt - startedAt,
      promptTokens: usage?.prompt ?? 0,
      cachedTokens: usage?.cached,
      completionTokens: usage?.completion ?? chunksAt.length,
      problem: exchange.problem ?? (miscounted ? "wrong number of tokens" : undefined),
    };
  }

  #progress(): LoadProgress {
    return {
      elapsedMs: performance.now() - this.#begin,
      ended: this.#samples.length,
      failed: this.#failed,
      running: this.#running,
      chunks: this.#client.chunks,
    };
  }

  /** Ends at once when the run is given up. */
  #sleep(ms: number): Promise<void> {
    const { signal } = this.#options;
    if (ms <= 0 || signal?.aborted === true) return Promise.resolve();
    return new Promise((wake) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        wake();
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener("abort", end);
    });
  }
}

type Call = Omit<CompletionCall, "timeoutMs">;

function callOf({ content, maxTokens }: Turn, said: readonly ChatMessage[], exactLength: boolean): Call {
  const fields = { max_tokens: maxTokens, temperature: 0, ...(exactLength ? { ignore_eos: true } : {}) };
  const call = (path: Call["path"], prompt: object): Call => ({ path, fields: { ...prompt, ...fields } });
  if (content.kind === "messages") return call("chat/completions", { messages: said });
  return call("completions", { prompt: content.kind === "tokens" ? content.ids : content.text });
}
