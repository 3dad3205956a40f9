import type { ExecutionPlan, KvType } from "../core/execution-plan.ts";
import { encoders } from "./architectures.ts";
import { tensorTypes } from "./ggml-types.ts";
import type { GgufHeader } from "./gguf-header.ts";

/** What is to be loaded into one engine process. */
export interface Load {
  readonly plan: ExecutionPlan;
  /** The budget of its prefix cache, in bytes. */
  readonly cacheMemory: number;
}

/** The most that an engine process comes to have resident, in bytes. `npm run bench -- memory` holds it against that. */
export interface MemoryEstimate {
  /** The tensors as they are in the file. */
  readonly weights: number;
  /** Copies of tensors in the layout that the CPU's kernels want. */
  readonly repacked: number;
  readonly kvCache: number;
  /** The state of one slot, while it is moved to another one through host memory. */
  readonly moves: number;
  /** Intermediate results of one micro-batch. */
  readonly compute: number;
  /** Logits; of a plan to embed also vectors, a row for each token of the largest call. */
  readonly outputs: number;
  /** The tokenizer's tables. */
  readonly vocabulary: number;
  /** Node, its threads and their heaps, and the library itself. */
  readonly process: number;
  /** Not taken when it is loaded, but what the cache of prompts may come to hold. */
  readonly prefixCache: number;
  readonly total: number;
  /**
   * Of the total, pages of the file whose tensors were copied. Nobody reads them again: the system takes them when it needs
   * memory, so that a machine without them is large enough.
   */
  readonly droppable: number;
}

const mebibyte = 1024 * 1024;
/** Measured, x64 Linux: Node's own pages 48 MiB, three threads with heaps that are limited (spawn-engine.ts) 80 MiB. */
const processBytes = 128 * mebibyte;
/** Measured: SentencePiece of 32,000 and of 262,144 tokens; and what byte pairs add, 48,900 merges. */
const bytesPerToken = 160;
const bytesPerMerge = 160;
/** llama.cpp rounds caches up to this many cells (`llama-context.cpp`, `llama-kv-cache-iswa.cpp`). */
const cellPadding = 256;
const floatBytes = 4;

/** `get_optimal_repack_type` in ggml-cpu's `repack.cpp`, for CPUs with AVX2 (with q2_K: AVX-512) and with dot products. */
const repackedTypes: Readonly<Partial<Record<NodeJS.Architecture, ReadonlySet<string>>>> = {
  x64: new Set(["q4_0", "q4_K", "iq4_nl", "mxfp4", "q2_K"]),
  arm64: new Set(["q4_0", "q4_K", "q5_K", "q6_K", "iq4_nl", "mxfp4", "q8_0", "q1_0"]),
};

/**
 * Estimates the memory of one engine process on the CPU. The parts follow llama.cpp v0.5.0: the KV cache is exact, the
 * compute buffer within 10 % of what `sched_reserve` reports for as many outputs as there are slots.
 */
export function estimateMemory(header: GgufHeader, { plan, cacheMemory }: Load): MemoryEstimate {
  const cells = cacheCells(header, plan);
  const repacked = repackedBytes(header);
  const kvCache = kvCacheBytes(header, plan, cells);
  const embeds = plan.task === "embed";
  const parts = {
    weights: plan.loadMode === "mmap" ? header.tensorBytes : header.tensorBytes - repacked,
    repacked,
    kvCache,
    moves: plan.slots === 1 || embeds ? 0 : kvCache / plan.slots,
    compute: computeBytes(header, plan, cells),
    outputs: outputBytes(header, plan),
    vocabulary: header.vocabularySize * bytesPerToken + header.mergeCount * bytesPerMerge,
    process: processBytes,
    prefixCache: cacheMemory,
  };
  const total = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);
  return { ...parts, total, droppable: plan.loadMode === "mmap" ? repacked : 0 };
}

/** Cells of one stream of the cache: in layers that see everything and in sliding layers; and how many streams. */
interface CacheCells {
  readonly full: number;
  readonly sliding: number;
  readonly streams: number;
}

/** The library keeps room for logits also where it makes vectors, and clears it: measured, all of it is resident. */
function outputBytes({ vocabularySize, embeddingLength }: GgufHeader, plan: ExecutionPlan): number {
  if (plan.task === "embed") return plan.microBatch * (vocabularySize + embeddingLength) * floatBytes;
  return plan.slots * vocabularySize * floatBytes;
}

/** Of a plan to embed, those of one call: an encoder keeps nothing in them, but its masks are as wide. */
function cacheCells(header: GgufHeader, plan: ExecutionPlan): CacheCells {
  if (plan.task === "embed") {
    const call = padded(plan.microBatch);
    return { full: call, sliding: call, streams: 1 };
  }
  const context = padded(Math.min(plan.contextPerSlot, header.contextLength));
  const unified = plan.kvLayout === "unified";
  const full = unified ? context * plan.slots : context;
  const window = header.slidingWindow * (unified ? plan.slots : 1);
  const sliding = plan.swaFull ? full : padded(Math.min(full, window + plan.microBatch));
  return { full, sliding, streams: unified ? 1 : plan.slots };
}

function kvCacheBytes(header: GgufHeader, plan: ExecutionPlan, cells: CacheCells): number {
  const keyBytes = bytesPerNumber(plan.kvTypeK);
  const valueBytes = bytesPerNumber(plan.kvTypeV);
  return header.layers.reduce((sum, layer) => {
    const perCell = layer.keyWidth * keyBytes + layer.valueWidth * valueBytes;
    const cached = perCell * (layer.sliding ? cells.sliding : cells.full) * cells.streams;
    return sum + cached + layer.stateWidth * floatBytes * plan.slots;
  }, 0);
}

/**
 * The allocator reuses memory from layer to layer, so the peak is one layer or the logits at the end, beside the attention
 * masks that live throughout. Fitted to `sched_reserve`'s report for micro-batches of 128-2048 and contexts of 2k and 8k.
 * It reserves more rows of logits than there are slots, and those are never touched.
 */
function computeBytes(header: GgufHeader, plan: ExecutionPlan, cells: CacheCells): number {
  const tokens = Math.min(plan.microBatch, plan.batch);
  const flash = plan.flashAttention !== "off";
  const maskBytes = flash ? 2 : floatBytes;
  const masks = tokens * (cells.full + (header.slidingWindow > 0 ? cells.sliding : 0)) * maskBytes;
  const hidden = tokens * header.embeddingLength * floatBytes;
  const wide = tokens * header.feedForwardLength * floatBytes;
  const feedForward = header.architecture === "bert" ? 3 * hidden + wide : 4 * hidden + 3 * wide; // BERT has no gate
  const attention = 4 * hidden + (flash ? 0 : tokens * cells.full * header.heads * floatBytes);
  // To pool its tokens, a model that generates computes the logits of all.
  const rows = encoders.has(header.architecture) ? 0 : plan.task === "embed" ? tokens : Math.min(plan.slots, tokens);
  const logits = hidden + rows * header.vocabularySize * floatBytes;
  return masks + Math.max(feedForward, attention, logits);
}

function repackedBytes(header: GgufHeader): number {
  const types = repackedTypes[process.arch];
  return header.tensors
    .filter(({ type, name, dimensions }) => {
      const matrix = dimensions.length >= 2 && dimensions[1]! % 8 === 0;
      return types?.has(type) && matrix && name !== "token_embd.weight";
    })
    .reduce((sum, tensor) => sum + tensor.bytes, 0);
}

function bytesPerNumber(type: KvType): number {
  for (const { name, block, bytes } of tensorTypes.values()) if (name === type) return bytes / block;
  throw new Error(`no tensor type ${type}`);
}

function padded(cells: number): number {
  return Math.ceil(cells / cellPadding) * cellPadding;
}
