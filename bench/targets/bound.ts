import type { Workload } from "../../src/bench/workload.ts";
import type { BareLoop } from "../bare-loop.ts";
import type { Metrics } from "./row.ts";

export interface BoundedWork {
  readonly workload: Workload;
  readonly requests: number;
  /** Tokens at the beginning of each prompt that all have in common. */
  readonly sharedTokens: number;
}

/** Sequences side by side, as the servers have slots. */
const sequences = 8;
/** Tokens of one pass through the network. */
const microBatch = 512;

/**
 * The bound: what the bare loop needs for exactly the tokens that must be computed, with nothing to wait for. Eight
 * requests at a time, all there from the beginning:
 *  1. not timed, and once: the shared beginning is computed into every slot;
 *  2. all but the shared beginning is forgotten (for each request; it costs next to nothing);
 *  3. the tokens that are not shared are computed at their real positions, as many sequences side by side as fit one pass
 *     of the library, in passes of equal size; a prompt that is longer than a pass comes alone, in one call;
 *  4. that gave each its first token; the others are computed eight at a time in lockstep, each the likeliest one.
 * Eight always run, so the last requests of a real load, which run beside fewer, are better off here than there.
 */
export function boundOf(bare: BareLoop, { workload, requests, sharedTokens }: BoundedWork): Metrics {
  if (requests % sequences !== 0) throw new Error(`${requests} requests are no multiple of ${sequences}`);
  const group = (from: number) => Array.from({ length: sequences }, (_, slot) => requestOf(workload, from + slot));
  group(0).forEach(({ tokens }, slot) => {
    bare.trim(slot, 0);
    if (sharedTokens > 0) bare.step([{ slot, tokens, from: 0, count: sharedTokens }]);
  });
  let outputTokens = 0;
  const begin = performance.now();
  for (let done = 0; done < requests; done += sequences) outputTokens += compute(bare, group(done), sharedTokens);
  const seconds = (performance.now() - begin) / 1000;
  return { output_throughput: outputTokens / seconds, request_throughput: requests / seconds, duration: seconds };
}

interface Request {
  /** The prompt, and room for the answer. */
  readonly tokens: Int32Array;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

function requestOf(workload: Workload, index: number): Request {
  const { content, maxTokens } = workload(index).turns[0]!;
  if (content.kind !== "tokens") throw new Error("the bound is of prompts of token ids");
  const tokens = new Int32Array(content.ids.length + maxTokens);
  tokens.set(content.ids);
  return { tokens, promptTokens: content.ids.length, answerTokens: maxTokens };
}

/** Requests of equal lengths. Gives the number of tokens that came out. */
function compute(bare: BareLoop, requests: readonly Request[], from: number): number {
  const { promptTokens, answerTokens } = requests[0]!;
  const count = promptTokens - from;
  const passes = Math.ceil(sequences / Math.max(1, Math.floor(microBatch / count)));
  const perPass = Math.ceil(sequences / passes);
  const slots = requests.map(({ tokens }, slot) => ({ slot, tokens }));
  for (const { slot } of slots) bare.trim(slot, from);
  for (let first = 0; first < sequences; first += perPass) {
    const pass = slots.slice(first, first + perPass);
    const sampled = bare.step(pass.map((one) => ({ ...one, from, count })));
    pass.forEach(({ tokens }, i) => (tokens[promptTokens] = sampled[i]!));
  }
  for (let k = 1; k < answerTokens; k++) {
    const at = promptTokens + k - 1;
    const sampled = bare.step(slots.map((one) => ({ ...one, from: at, count: 1 })));
    slots.forEach(({ tokens }, i) => (tokens[at + 1] = sampled[i]!));
  }
  return sequences * answerTokens;
}
