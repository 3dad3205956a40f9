import type { ExecutionPlan, KvType } from "../core/execution-plan.ts";
import { tensorTypes } from "./ggml-types.ts";
import type { GgufHeader } from "./gguf-header.ts";

/** What an engine process comes to use, in bytes. Resident memory; measured against it in `memory-estimate.test.ts`. */
export interface MemoryEstimate {
  /** The tensors as they are in the file. */
  readonly weights: number;
  /** Copies of tensors in the layout that the CPU's kernels want; the originals stay mapped. */
  readonly repacked: number;
  readonly kvCache: number;
  /** Intermediate results of one micro-batch. */
  readonly compute: number;
  /** Logits. */
  readonly outputs: number;
  /** The tokenizer's tables. */
  readonly vocabulary: number;
  /** Node, its threads, and the library itself. */
  readonly process: number;
  readonly total: number;
}

const mebibyte = 1024 * 1024;
/** Node 20 with koffi and libllama loaded: 60 MiB; each worker thread about 15 MiB (measured, x64 Linux). */
const processBytes = 90 * mebibyte;
/** Measured: 49,152 tokens (BPE) 17 MiB, 262,144 tokens (SentencePiece) 42 MiB, of which 11 MiB belong to the library. */
const bytesPerToken = 125;
/** llama.cpp rounds caches up to this many cells (`llama-context.cpp`, `llama-kv-cache-iswa.cpp`). */
const cellPadding = 256;
const floatBytes = 4;

/** `get_optimal_repack_type` in ggml-cpu's `repack.cpp`, for CPUs with AVX2 (with q2_K: AVX-512) and with dot products. */
const repackedTypes: Readonly<Partial<Record<NodeJS.Architecture, ReadonlySet<string>>>> = {
  x64: new Set(["q4_0", "q4_K", "iq4_nl", "mxfp4", "q2_K"]),
  arm64: new Set(["q4_0", "q4_K", "q5_K", "q6_K", "iq4_nl", "mxfp4", "q8_0", "q1_0"]),
};

/**
 * Estimates the memory of one engine that runs `plan` on the CPU. The parts follow llama.cpp v0.5.0: the KV cache is
 * exact, the compute buffer within 10 % of what `sched_reserve` reports.
 */
export function estimateMemory(header: GgufHeader, plan: ExecutionPlan): MemoryEstimate {
  const cells = cacheCells(header, plan);
  const parts = {
    weights: header.tensorBytes,
    repacked: repackedBytes(header),
    kvCache: kvCacheBytes(header, plan, cells),
    compute: computeBytes(header, plan, cells),
    outputs: plan.slots * header.vocabularySize * floatBytes,
    vocabulary: header.vocabularySize * bytesPerToken,
    process: processBytes,
  };
  return { ...parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) };
}

/** Cells of one stream of the cache: in layers that see everything and in sliding layers; and how many streams. */
interface CacheCells {
  readonly full: number;
  readonly sliding: number;
  readonly streams: number;
}

function cacheCells(header: GgufHeader, plan: ExecutionPlan): CacheCells {
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
 */
function computeBytes(header: GgufHeader, plan: ExecutionPlan, cells: CacheCells): number {
  const tokens = Math.min(plan.microBatch, plan.batch);
  const flash = plan.flashAttention !== "off";
  const maskBytes = flash ? 2 : floatBytes;
  const masks = tokens * (cells.full + (header.slidingWindow > 0 ? cells.sliding : 0)) * maskBytes;
  const hidden = tokens * header.embeddingLength * floatBytes;
  const feedForward = 4 * hidden + 3 * tokens * header.feedForwardLength * floatBytes;
  const attention = 4 * hidden + (flash ? 0 : tokens * cells.full * header.heads * floatBytes);
  const logits = hidden + Math.min(plan.outputs, tokens) * header.vocabularySize * floatBytes;
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
