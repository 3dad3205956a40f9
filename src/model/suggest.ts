import { formatBytes } from "../core/format-bytes.ts";
import { availableMemory } from "./available-memory.ts";
import { catalogue } from "./catalogue.ts";
import type { CatalogueEntry } from "./catalogue-entry.ts";

/** What decides which models are worth running on a machine. */
export interface MachineFacts {
  /** Memory that can be had. */
  readonly memoryBytes: number;
  /** What its memory delivers, see `measureBandwidth`. */
  readonly bytesPerSecond: number;
}

/** What the server will be asked to do. */
export interface SuggestionNeeds {
  readonly slots: number;
  readonly contextPerSlot: number;
}

export interface Suggestion {
  readonly entry: CatalogueEntry;
  readonly verdict: "recommended" | "good" | "slow" | "too large";
  /** Memory that it needs. */
  readonly memoryBytes: number;
  /** Speed of one answer that is alone. */
  readonly tokensPerSecond: number;
  /** One sentence with the numbers. */
  readonly why: string;
}

/** About twice as fast as people read. */
const comfortable = 10;
/** Engine process, intermediate results, tokenizer. */
const fixedBytes = 400 * 1024 * 1024;
/** The CPU's kernels want most formats in another layout: a copy, beside the mapped file. */
const copies = 2;
/**
 * What an engine makes of the bandwidth that `measureBandwidth` tells: SmolLM2-135M in Q4_1 decodes 175 tokens/s, which is
 * 21 GB/s, where copying gives 37 GB/s.
 */
const efficiency = 0.6;

/**
 * The chat models of the catalogue, the recommended one first. Larger models answer better, so the largest is
 * recommended that fits into memory and answers fast enough; if none is fast enough, the fastest that fits.
 *
 * Decoding reads every weight and the answer's context once for each token, and memory is what is slow:
 * tokens/s = 0.6 x bandwidth / (bytes of the file + bytes of half a context).
 */
export function suggestModels(
  machine: MachineFacts,
  needs: SuggestionNeeds = { slots: 8, contextPerSlot: 2048 },
  entries: readonly CatalogueEntry[] = catalogue,
): Suggestion[] {
  const rated = entries
    .filter(({ task }) => task === "chat")
    .map((entry) => rate(entry, machine, needs))
    .toSorted((a, b) => b.entry.bytes - a.entry.bytes);
  const fitting = rated.filter(({ verdict }) => verdict !== "too large");
  const best = fitting.find(({ verdict }) => verdict === "good") ?? fitting.at(-1);
  if (best === undefined) return rated.toReversed();
  const recommended = { ...best, verdict: "recommended", why: `${best.why}; ${reason(best)}` } as const;
  const order = ["good", "slow", "too large"];
  const others = rated.filter((suggestion) => suggestion !== best);
  return [recommended, ...others.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict))];
}

function reason({ verdict }: Suggestion): string {
  return verdict === "good" ? "the largest that is fast enough here" : "none is fast here, this is the fastest";
}

function rate(entry: CatalogueEntry, machine: MachineFacts, { slots, contextPerSlot }: SuggestionNeeds): Suggestion {
  const context = Math.min(contextPerSlot, entry.contextLength);
  const memoryBytes = entry.bytes * copies + slots * context * entry.kvBytesPerToken + fixedBytes;
  const bytesPerToken = entry.bytes + (context / 2) * entry.kvBytesPerToken;
  const tokensPerSecond = (efficiency * machine.bytesPerSecond) / bytesPerToken;
  const speed = `about ${Math.max(1, Math.round(tokensPerSecond))} tokens/s`;
  const memory = `${formatBytes(memoryBytes)} of the ${formatBytes(machine.memoryBytes)} of memory`;
  const base = { entry, memoryBytes, tokensPerSecond };
  if (memoryBytes > machine.memoryBytes) return { ...base, verdict: "too large", why: `needs ${memory}` };
  const verdict = tokensPerSecond < comfortable ? "slow" : "good";
  return { ...base, verdict, why: `${speed}, ${memory}` };
}

/** This machine. Measures for about a tenth of a second. */
export function machineFacts(): MachineFacts {
  return { memoryBytes: availableMemory(), bytesPerSecond: measureBandwidth() };
}

/**
 * Bytes per second that memory delivers to one thread: the best of a few copies of a block that no cache holds, its bytes
 * counted for the reading and for the writing.
 */
export function measureBandwidth(bytes = 64 * 1024 * 1024): number {
  const from = Buffer.alloc(bytes, 1);
  const to = Buffer.alloc(bytes, 2);
  let best = Infinity;
  for (let i = 0; i < 4; i++) {
    const begin = performance.now();
    from.copy(to);
    best = Math.min(best, performance.now() - begin);
  }
  return (2 * bytes) / (Math.max(best, 0.001) / 1000);
}
