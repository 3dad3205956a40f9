import type { Engine } from "../../engine/engine.ts";
import { promptOf } from "../engine/burst.ts";
import { summarize, type Summary } from "../statistics.ts";
import { breath, timedStep } from "./timed-step.ts";

export interface ThreadSweepOptions {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly onProgress: (what: string) => void;
}

/** Tokens per second of one sequence. */
export interface ThreadFigures {
  readonly threads: number;
  readonly prefill: Summary;
  readonly decode: Summary;
}

/**
 * How fast prefill and decode of one sequence are with 1 .. `plan.threads` threads. They take turns, in an order that is
 * reversed each round; round 0 warms up. Uses slot 0, which must have room for prompt and answer.
 */
export async function threadSweep(engine: Engine, options: ThreadSweepOptions): Promise<ThreadFigures[]> {
  const { promptTokens, outputTokens, rounds, signal, onProgress } = options;
  const all = Array.from({ length: engine.plan.threads }, (_, i) => ({
    threads: i + 1,
    prefill: [] as number[],
    decode: [] as number[],
  }));
  const tokens = new Int32Array(promptTokens + outputTokens);
  tokens.set(promptOf(0, promptTokens, engine.vocabulary.size));
  for (let round = 0; round <= rounds; round++) {
    for (const { threads, prefill, decode } of round % 2 === 1 ? all : all.toReversed()) {
      const which = round === 0 ? "warming up" : `round ${round} of ${rounds}`;
      onProgress(`thread sweep, ${which}: ${threads === 1 ? "1 thread" : `${threads} threads`}`);
      engine.setThreads(threads);
      engine.trim(0, 0);
      const prompt = timedStep(engine, { tokens, from: 0, to: promptTokens });
      await breath(signal);
      let next = prompt.next;
      let milliseconds = 0;
      for (let at = promptTokens; at < tokens.length; at++) {
        tokens[at] = next;
        const step = timedStep(engine, { tokens, from: at, to: at + 1 });
        next = step.next;
        milliseconds += step.milliseconds;
        await breath(signal);
      }
      if (round === 0) continue;
      prefill.push((1000 * promptTokens) / prompt.milliseconds);
      decode.push((1000 * outputTokens) / milliseconds);
    }
  }
  engine.setThreads(engine.plan.threads);
  return all.map(({ threads, prefill, decode }) => ({
    threads,
    prefill: summarize(prefill),
    decode: summarize(decode),
  }));
}
