export type KvType = "f32" | "f16" | "bf16" | "q8_0" | "q5_1" | "q5_0" | "q4_1" | "q4_0";

/**
 * Everything that decides how fast and in how much memory a model runs. Immutable: a plan is chosen, measured, compared
 * and stored as a whole.
 */
export interface ExecutionPlan {
  /** Path of the GGUF file; for the fake engine a name. */
  readonly modelFile: string;
  readonly task: "generate" | "embed";
  /** Embed: what makes one vector of those of a text's tokens; `model` = as its file says. */
  readonly pooling: "model" | "mean" | "cls" | "last";
  /** Threads for decode steps and for batches with a prefill. */
  readonly threads: number;
  readonly batchThreads: number;
  /** How long pool threads spin before they sleep: 0 (sleep at once) .. 100, in 131,072 pauses of the CPU. */
  readonly poll: number;
  /** CPUs to pin to; undefined = wherever the system puts the threads. */
  readonly cpuMask: readonly number[] | undefined;
  /** Instruction-set variant of the CPU backend ("zen4", "haswell", ...); undefined = the best that this CPU runs. */
  readonly cpuVariant: string | undefined;
  /** Sequences held at once. */
  readonly slots: number;
  /** Tokens of context of each slot. */
  readonly contextPerSlot: number;
  readonly kvTypeK: KvType;
  readonly kvTypeV: KvType;
  /** One KV stream per sequence (attention costs what the sequence needs), or one shared pool of cells. */
  readonly kvLayout: "per-sequence" | "unified";
  /** Keep the full KV cache of sliding-window layers, so that they can be trimmed. */
  readonly swaFull: boolean;
  readonly flashAttention: "auto" | "on" | "off";
  /** Most tokens of one step, and of one pass through the network (micro-batch). */
  readonly batch: number;
  readonly microBatch: number;
  /** Most rows of logits of one step. */
  readonly outputs: number;
  readonly loadMode: "mmap" | "read";
  /** Backend device by name; undefined = CPU. */
  readonly device: string | undefined;
  readonly gpuLayers: number;
  readonly splitMode: "none" | "layer" | "row";
  /** Reuse the KV of earlier requests. Off = each prompt is computed afresh. */
  readonly kvReuse: boolean;
}

const usualBatch = { batch: 2048, microBatch: 512 } as const;

/** Of a plan to embed texts of up to `longest` tokens: a text is never cut, so the longest one is a call of its own. */
export function batchForTexts(longest: number): Pick<ExecutionPlan, "batch" | "microBatch"> {
  const microBatch = Math.max(usualBatch.microBatch, longest);
  return { batch: Math.max(usualBatch.batch, microBatch), microBatch };
}

/** The plan that nothing was said about, except what must be known: file and threads. */
export function defaultPlan(modelFile: string, threads: number): ExecutionPlan {
  return {
    modelFile,
    task: "generate",
    pooling: "model",
    threads,
    batchThreads: threads,
    poll: 1, // 1-8 ms: from one step to the next, and not into the steps of another engine
    cpuMask: undefined,
    cpuVariant: undefined,
    slots: 8,
    contextPerSlot: 2048,
    kvTypeK: "f16",
    kvTypeV: "f16",
    kvLayout: "per-sequence",
    swaFull: false,
    flashAttention: "auto",
    ...usualBatch,
    outputs: 64,
    loadMode: "mmap",
    device: undefined,
    gpuLayers: 0,
    splitMode: "none",
    kvReuse: true,
  };
}
