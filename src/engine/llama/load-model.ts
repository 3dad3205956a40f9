import { accessSync, constants } from "node:fs";
import type { ExecutionPlan } from "../../core/execution-plan.ts";
import { failure } from "../../core/errors.ts";
import { flashAttentionTypes, loadModes, poolingTypes, splitModes, tensorTypes } from "./native-constants.ts";
import { progressPointer, systemFunction, type Native, type Pointer } from "./native.ts";
import type { PlatformLibrary } from "./platform-library.ts";

/** Reads the model into memory. Throws `invalid_model_file`, or what `onProgress` threw, which ends the loading. */
export function loadModel(
  native: Native,
  plan: ExecutionPlan,
  { library, onProgress }: { library: PlatformLibrary; onProgress: (fraction: number) => void },
): Pointer {
  const file = plan.modelFile;
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw failure("invalid_model_file", { file, problem: "cannot be read" }, error);
  }
  const devices = chosenDevices(native, plan, library);
  let thrown: unknown;
  // The library calls it on the thread that loads (load_all_data), which is this one: no other native code may call
  // JavaScript.
  const progress = progressPointer((fraction) => {
    try {
      onProgress(fraction);
      return true;
    } catch (error) {
      thrown = error;
      return false;
    }
  });
  const model = native.loadModel(file, {
    ...native.modelDefaults(),
    devices,
    n_gpu_layers: plan.gpuLayers,
    split_mode: splitModes[plan.splitMode],
    load_mode: loadModes[plan.loadMode],
    progress_callback: progress.address,
  });
  progress.release();
  if (thrown !== undefined) throw thrown;
  if (model === null) {
    const problem = "llama.cpp cannot load it (damaged, or of an architecture that this version does not know)";
    throw failure("invalid_model_file", { file, problem });
  }
  return model;
}

/** A list that ends with NULL. An empty one means the CPU alone, where no list would mean all there is. */
function chosenDevices(native: Native, plan: ExecutionPlan, library: PlatformLibrary): BigUint64Array {
  if (plan.device === undefined) return BigUint64Array.of(0n);
  for (const backend of library.deviceBackends) native.loadBackend(backend);
  const device = native.deviceByName(plan.device);
  if (device !== null) return BigUint64Array.of(device, 0n);
  const names = Array.from({ length: native.deviceCount() }, (_, i) => native.deviceName(native.deviceAt(i)));
  throw failure("engine_failed", { problem: `there is no device '${plan.device}'; there is ${names.join(", ")}` });
}

/** Makes the context: KV cache and compute buffers. Throws `engine_failed`. */
export function newContext(
  native: Native,
  plan: ExecutionPlan,
  { model, contextPerSlot, abortFlag }: { model: Pointer; contextPerSlot: number; abortFlag: Pointer },
): Pointer {
  const embeds = plan.task === "embed";
  const context = native.newContext(model, {
    ...native.contextDefaults(),
    n_ctx: embeds ? plan.microBatch : plan.slots * contextPerSlot,
    n_batch: embeds ? plan.microBatch : plan.batch,
    n_ubatch: plan.microBatch,
    n_seq_max: plan.slots,
    // The library reserves a row for every sequence and dies by an assert when that is more than this. Vectors are made of
    // the rows of all tokens.
    n_outputs_max: Math.max(embeds ? plan.microBatch : plan.outputs, plan.slots),
    n_threads: plan.threads,
    n_threads_batch: plan.batchThreads,
    flash_attn_type: flashAttentionTypes[plan.flashAttention],
    type_k: tensorTypes[plan.kvTypeK],
    type_v: tensorTypes[plan.kvTypeV],
    // Called from the compute threads between operations, so it must be native. strlen of the flag's byte and the zero
    // after it: 0 = go on, 1 = stop.
    abort_callback: systemFunction("strlen"),
    abort_callback_data: abortFlag,
    swa_full: plan.swaFull,
    // With streams the library cuts a batch to stretches of equal length, and would pool each for itself.
    kv_unified: embeds || plan.kvLayout === "unified",
    embeddings: embeds,
    pooling_type: poolingTypes[plan.pooling],
  });
  if (context !== null) return context;
  const memory = `${plan.slots} slots of ${contextPerSlot} tokens, ${plan.kvTypeK}/${plan.kvTypeV} KV`;
  throw failure("engine_failed", { problem: `llama.cpp made no context for this plan (${memory}); its log says why` });
}
