import { failure } from "../../core/errors.ts";
import { defaultScheduling } from "../../core/scheduling.ts";
import type { Engine } from "../../engine/engine.ts";
import { LocalBackend } from "../../inference/local-backend.ts";
import { summarize, type Summary } from "../statistics.ts";
import { promptOf, ratesOf, runBurst } from "./burst.ts";

export interface EngineBenchOptions {
  readonly batchSizes: readonly number[];
  /** Prompts of each batch size and round, in bursts of that size; an incomplete burst is filled up. */
  readonly prompts: number;
  readonly promptTokens: number;
  /** Of each answer, at least 2: one has no time between tokens. */
  readonly outputTokens: number;
  readonly rounds: number;
}

/** Of one batch size, over its bursts. Rates in tokens per second, times in ms. */
export interface BatchFigures {
  readonly batchSize: number;
  readonly bursts: number;
  readonly prefill: Summary;
  readonly decode: Summary;
  /** From the arrival of the burst to a request's first token; the median request of each burst. */
  readonly timeToFirstToken: Summary;
  /** From a request's first token to its last, for each token but the first; the median request of each burst. */
  readonly timePerOutputToken: Summary;
}

interface Measured {
  readonly prefill: number[];
  readonly decode: number[];
  readonly first: number[];
  readonly perToken: number[];
}

interface Run {
  readonly signal: AbortSignal;
  readonly onProgress: (what: string) => void;
}

/**
 * How fast the engine, with scheduler and sampling but without HTTP, is when so many prompts arrive at once and nothing
 * else goes on; no latency target limits its prefills. The batch sizes take turns, in an order that is reversed each round, so that what changes with time does
 * not look like an effect of the size; a burst of each before the first round warms up. Closes the engine. Throws
 * `invalid_config` if the model's context is too short; rejects with the error of the engine, or once `signal` aborts.
 */
export async function engineBench(engine: Engine, options: EngineBenchOptions, run: Run): Promise<BatchFigures[]> {
  await using backend = new LocalBackend(engine, "bench", { ...defaultScheduling, targetItl: { kind: "off" } });
  const { promptTokens, outputTokens } = options;
  const context = engine.info.contextPerSlot;
  if (promptTokens + outputTokens > context) {
    const problem = `prompt and answer have ${promptTokens + outputTokens} tokens; this model has room for ${context}`;
    throw failure("invalid_config", { problem });
  }
  const sizes = [...new Set(options.batchSizes)].toSorted((a, b) => a - b);
  const measured = new Map<number, Measured>(
    sizes.map((size) => [size, { prefill: [], decode: [], first: [], perToken: [] }]),
  );
  let number = 0;
  const burst = async (size: number) => {
    const prompts = Array.from({ length: size }, () => promptOf(number++, promptTokens, engine.vocabulary.size));
    return await runBurst(backend, prompts, { answerTokens: outputTokens, signal: run.signal });
  };
  for (const size of sizes) {
    run.onProgress(`warming up, batch size ${size}`);
    await burst(size);
  }
  for (let round = 1; round <= options.rounds; round++) {
    for (const size of round % 2 === 1 ? sizes : sizes.toReversed()) {
      run.onProgress(`round ${round} of ${options.rounds}, batch size ${size}`);
      for (let done = 0; done < options.prompts; done += size) note(await burst(size), measured.get(size)!, options);
    }
  }
  return sizes.map((size) => figuresOf(size, measured.get(size)!));
}

function note(times: readonly (readonly number[])[], into: Measured, options: EngineBenchOptions): void {
  const { promptTokens, outputTokens: answerTokens } = options;
  const { prefill, decode } = ratesOf(times, { sequences: times.length, promptTokens, answerTokens });
  into.prefill.push(prefill);
  into.decode.push(decode);
  into.first.push(summarize(times.map((tokens) => tokens[0]!)).median);
  into.perToken.push(summarize(times.map((tokens) => (tokens.at(-1)! - tokens[0]!) / (tokens.length - 1))).median);
}

function figuresOf(batchSize: number, { prefill, decode, first, perToken }: Measured): BatchFigures {
  return {
    batchSize,
    bursts: prefill.length,
    prefill: summarize(prefill),
    decode: summarize(decode),
    timeToFirstToken: summarize(first),
    timePerOutputToken: summarize(perToken),
  };
}
