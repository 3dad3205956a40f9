import koffi, { type LibraryHandle } from "koffi";
import { failure } from "../../core/errors.ts";

// Every native signature and struct, and nothing else. The structs go by value, so their layout belongs to the library
// versions named here; include/llama.h and ggml/include/*.h of those versions are the source.
const supportedVersions = ["0.4.0", "0.5.0"];

/** An address; never dereferenced here. NULL comes back as `null`. */
export type Pointer = bigint;

koffi.struct("llama_model_params", {
  devices: "void *",
  tensor_buft_overrides: "void *",
  n_gpu_layers: "int32",
  split_mode: "int32",
  load_mode: "int32",
  lazy_mode: "int32",
  main_gpu: "int32",
  tensor_split: "void *",
  progress_callback: "void *",
  progress_callback_user_data: "void *",
  kv_overrides: "void *",
  vocab_only: "bool",
  check_tensors: "bool",
  use_extra_bufts: "bool",
  no_host: "bool",
  no_alloc: "bool",
  load_mtp: "bool",
});

koffi.struct("llama_context_params", {
  n_ctx: "uint32",
  n_batch: "uint32",
  n_ubatch: "uint32",
  n_seq_max: "uint32",
  n_rs_seq: "uint32",
  n_outputs_max: "uint32",
  n_outputs_max_per_seq: "uint32",
  n_threads: "int32",
  n_threads_batch: "int32",
  ctx_type: "int32",
  rope_scaling_type: "int32",
  pooling_type: "int32",
  attention_type: "int32",
  flash_attn_type: "int32",
  rope_freq_base: "float",
  rope_freq_scale: "float",
  yarn_ext_factor: "float",
  yarn_attn_factor: "float",
  yarn_beta_fast: "float",
  yarn_beta_slow: "float",
  yarn_orig_ctx: "uint32",
  defrag_thold: "float",
  cb_eval: "void *",
  cb_eval_user_data: "void *",
  type_k: "int32",
  type_v: "int32",
  abort_callback: "void *",
  abort_callback_data: "void *",
  embeddings: "bool",
  offload_kqv: "bool",
  no_perf: "bool",
  op_offload: "bool",
  swa_full: "bool",
  kv_unified: "bool",
  samplers: "void *",
  n_samplers: "size_t",
  ctx_other: "void *",
});

koffi.struct("llama_batch", {
  n_tokens: "int32",
  token: "void *",
  embd: "void *",
  pos: "void *",
  n_seq_id: "void *",
  seq_id: "void *",
  logits: "void *",
});

koffi.struct("llama_model_quantize_params", {
  nthread: "int32",
  ftype: "int32",
  output_tensor_type: "int32",
  token_embedding_type: "int32",
  allow_requantize: "bool",
  quantize_output_tensor: "bool",
  only_copy: "bool",
  pure: "bool",
  keep_split: "bool",
  dry_run: "bool",
  imatrix: "void *",
  kv_overrides: "void *",
  tt_overrides: "void *",
  prune_layers: "void *",
  max_buf_size: "size_t",
});

/** GGML_MAX_N_THREADS: also the most CPUs that a mask can name. */
export const maxThreads = 512;

koffi.struct("ggml_threadpool_params", {
  cpumask: koffi.array("bool", maxThreads),
  n_threads: "int32",
  prio: "int32",
  poll: "uint32",
  strict_cpu: "bool",
  paused: "bool",
});

koffi.struct("ggml_init_params", { mem_size: "size_t", mem_buffer: "void *", no_alloc: "bool" });

const progressCallback = koffi.pointer(koffi.proto("bool ProgressCallback(float progress, void *user_data)"));
const newThreadPool = koffi.proto("void *NewThreadPool(ggml_threadpool_params *params)");
const freeThreadPool = koffi.proto("void FreeThreadPool(void *pool)");

// Of the big structs only the fields that we set are declared: the rest keeps the library's defaults.
interface ModelParams {
  devices: BigUint64Array;
  n_gpu_layers: number;
  split_mode: number;
  load_mode: number;
  progress_callback: Pointer;
}

interface ContextParams {
  n_ctx: number;
  n_batch: number;
  n_ubatch: number;
  n_seq_max: number;
  n_outputs_max: number;
  n_threads: number;
  n_threads_batch: number;
  pooling_type: number;
  flash_attn_type: number;
  type_k: number;
  type_v: number;
  abort_callback: Pointer;
  abort_callback_data: Pointer;
  embeddings: boolean;
  swa_full: boolean;
  kv_unified: boolean;
}

interface QuantizeParams {
  nthread: number;
  ftype: number;
  allow_requantize: boolean;
}

export interface ThreadPoolParams {
  cpumask: boolean[];
  poll: number;
  strict_cpu: boolean;
}

/** The arrays must not move: each lies in an ArrayBuffer of its own. */
export interface NativeBatch {
  n_tokens: number;
  readonly token: Int32Array;
  readonly embd: null;
  readonly pos: Int32Array;
  readonly n_seq_id: Int32Array;
  readonly seq_id: BigUint64Array;
  readonly logits: Int8Array;
}

interface LibraryFunctions {
  setLog(callback: Pointer, userData: null): void;

  loadBackend(path: string): Pointer | null;
  deviceCount(): number;
  deviceAt(index: number): Pointer;
  deviceByName(name: string): Pointer | null;
  deviceName(device: Pointer): string;
  procedure(backend: Pointer, name: string): Pointer | null;

  threadPoolDefaults(threads: number): ThreadPoolParams;
  attachThreadPool(context: Pointer, decode: Pointer, batch: Pointer): void;
  detachThreadPool(context: Pointer): void;
  setThreads(context: Pointer, decode: number, batch: number): void;

  modelDefaults(): ModelParams;
  loadModel(path: string, params: ModelParams): Pointer | null;
  freeModel(model: Pointer): void;
  trainedContext(model: Pointer): number;
  slidingWindow(model: Pointer): number;
  embeddingLength(model: Pointer): number;
  modelBytes(model: Pointer): number;
  parameters(model: Pointer): number;
  describeModel(model: Pointer, into: Uint8Array, size: number): number;
  chatTemplate(model: Pointer, name: null): string | null;
  hasEncoder(model: Pointer): boolean;
  hasDecoder(model: Pointer): boolean;
  isRecurrent(model: Pointer): boolean;
  isHybrid(model: Pointer): boolean;

  contextDefaults(): ContextParams;
  newContext(model: Pointer, params: ContextParams): Pointer | null;
  freeContext(context: Pointer): void;
  batchLimit(context: Pointer): number;
  memory(context: Pointer): Pointer | null;
  poolingType(context: Pointer): number;
  decode(context: Pointer, batch: NativeBatch): number;
  encode(context: Pointer, batch: NativeBatch): number;
  /** These wait for the computation; the rows of logits are put into the order of the batch. */
  logits(context: Pointer): Pointer | null;
  sequenceEmbedding(context: Pointer, slot: number): Pointer | null;

  removeRange(memory: Pointer, slot: number, from: number, to: number): boolean;
  copyRange(memory: Pointer, source: number, target: number, from: number, to: number): void;
  firstPosition(memory: Pointer, slot: number): number;
  lastPosition(memory: Pointer, slot: number): number;
  stateSize(context: Pointer, slot: number): number;
  getState(context: Pointer, into: Uint8Array, size: number, slot: number): number;
  setState(context: Pointer, from: Uint8Array, size: number, slot: number): number;

  vocabulary(model: Pointer): Pointer;
  vocabularySize(vocabulary: Pointer): number;
  bosToken(vocabulary: Pointer): number;
  eosToken(vocabulary: Pointer): number;
  endsGeneration(vocabulary: Pointer, token: number): boolean;
  tokenize(
    v: Pointer,
    text: Uint8Array,
    bytes: number,
    into: Int32Array,
    n: number,
    add: boolean,
    parse: boolean,
  ): number;
  piece(v: Pointer, token: number, into: Uint8Array | null, size: number, strip: number, special: boolean): number;

  quantizeDefaults(): QuantizeParams;
  quantize(source: string, output: string, params: QuantizeParams): number;

  newTensorContext(params: { mem_size: number; mem_buffer: null; no_alloc: boolean }): Pointer;
  newTensor(context: Pointer, type: number, columns: number, rows: number): Pointer;
  setZero(tensor: Pointer): Pointer;
  multiply(context: Pointer, a: Pointer, b: Pointer): Pointer;
  add(context: Pointer, a: Pointer, b: Pointer): Pointer;
  silu(context: Pointer, a: Pointer): Pointer;
  softMax(context: Pointer, a: Pointer): Pointer;
  newGraph(context: Pointer): Pointer;
  expandGraph(graph: Pointer, output: Pointer): void;
}

const prototypes: Record<keyof LibraryFunctions, string> = {
  setLog: "void llama_log_set(void *callback, void *user_data)",

  loadBackend: "void *ggml_backend_load(const char *path)",
  deviceCount: "size_t ggml_backend_dev_count()",
  deviceAt: "void *ggml_backend_dev_get(size_t index)",
  deviceByName: "void *ggml_backend_dev_by_name(const char *name)",
  deviceName: "const char *ggml_backend_dev_name(void *device)",
  procedure: "void *ggml_backend_reg_get_proc_address(void *reg, const char *name)",

  threadPoolDefaults: "ggml_threadpool_params ggml_threadpool_params_default(int n_threads)",
  attachThreadPool: "void llama_attach_threadpool(void *ctx, void *threadpool, void *threadpool_batch)",
  detachThreadPool: "void llama_detach_threadpool(void *ctx)",
  setThreads: "void llama_set_n_threads(void *ctx, int32 n_threads, int32 n_threads_batch)",

  modelDefaults: "llama_model_params llama_model_default_params()",
  loadModel: "void *llama_model_load_from_file(const char *path, llama_model_params params)",
  freeModel: "void llama_model_free(void *model)",
  trainedContext: "int32 llama_model_n_ctx_train(void *model)",
  slidingWindow: "int32 llama_model_n_swa(void *model)",
  embeddingLength: "int32 llama_model_n_embd_out(void *model)",
  modelBytes: "uint64 llama_model_size(void *model)",
  parameters: "uint64 llama_model_n_params(void *model)",
  describeModel: "int32 llama_model_desc(void *model, void *buf, size_t buf_size)",
  chatTemplate: "const char *llama_model_chat_template(void *model, const char *name)",
  hasEncoder: "bool llama_model_has_encoder(void *model)",
  hasDecoder: "bool llama_model_has_decoder(void *model)",
  isRecurrent: "bool llama_model_is_recurrent(void *model)",
  isHybrid: "bool llama_model_is_hybrid(void *model)",

  contextDefaults: "llama_context_params llama_context_default_params()",
  newContext: "void *llama_init_from_model(void *model, llama_context_params params)",
  freeContext: "void llama_free(void *ctx)",
  batchLimit: "uint32 llama_n_batch(void *ctx)",
  memory: "void *llama_get_memory(void *ctx)",
  decode: "int32 llama_decode(void *ctx, llama_batch batch)",
  encode: "int32 llama_encode(void *ctx, llama_batch batch)",
  logits: "void *llama_get_logits(void *ctx)",
  poolingType: "int32 llama_pooling_type(void *ctx)",
  sequenceEmbedding: "void *llama_get_embeddings_seq(void *ctx, int32 seq_id)",

  removeRange: "bool llama_memory_seq_rm(void *mem, int32 seq_id, int32 p0, int32 p1)",
  copyRange: "void llama_memory_seq_cp(void *mem, int32 seq_id_src, int32 seq_id_dst, int32 p0, int32 p1)",
  firstPosition: "int32 llama_memory_seq_pos_min(void *mem, int32 seq_id)",
  lastPosition: "int32 llama_memory_seq_pos_max(void *mem, int32 seq_id)",
  stateSize: "size_t llama_state_seq_get_size(void *ctx, int32 seq_id)",
  getState: "size_t llama_state_seq_get_data(void *ctx, void *dst, size_t size, int32 seq_id)",
  setState: "size_t llama_state_seq_set_data(void *ctx, void *src, size_t size, int32 dest_seq_id)",

  vocabulary: "void *llama_model_get_vocab(void *model)",
  vocabularySize: "int32 llama_vocab_n_tokens(void *vocab)",
  bosToken: "int32 llama_vocab_bos(void *vocab)",
  eosToken: "int32 llama_vocab_eos(void *vocab)",
  endsGeneration: "bool llama_vocab_is_eog(void *vocab, int32 token)",
  tokenize: "int32 llama_tokenize(void *vocab, void *text, int32 len, void *tokens, int32 n, bool add, bool parse)",
  piece: "int32 llama_token_to_piece(void *vocab, int32 token, void *buf, int32 size, int32 strip, bool special)",

  quantizeDefaults: "llama_model_quantize_params llama_model_quantize_default_params()",
  quantize: "uint32 llama_model_quantize(const char *source, const char *output, llama_model_quantize_params *params)",

  newTensorContext: "void *ggml_init(ggml_init_params params)",
  newTensor: "void *ggml_new_tensor_2d(void *ctx, int type, int64 ne0, int64 ne1)",
  setZero: "void *ggml_set_zero(void *tensor)",
  multiply: "void *ggml_mul_mat(void *ctx, void *a, void *b)",
  add: "void *ggml_add(void *ctx, void *a, void *b)",
  silu: "void *ggml_silu(void *ctx, void *a)",
  softMax: "void *ggml_soft_max(void *ctx, void *a)",
  newGraph: "void *ggml_new_graph(void *ctx)",
  expandGraph: "void ggml_build_forward_expand(void *graph, void *tensor)",
};

/** The library's functions, callable on any thread that bound them. */
export interface Native extends LibraryFunctions {
  readonly version: string;
}

/** Paths of the shared libraries, each after those it needs: ggml-base, ggml, llama. */
export function bindLibrary(files: readonly string[]): Native {
  const libraries = files.map(load).toReversed();
  const version = (libraries[0]!.func("const char *llama_version()") as () => string)();
  requireSupportedVersion(version);
  const functions = Object.entries(prototypes).map(([name, prototype]) => [name, find(libraries, prototype)]);
  return { version, ...Object.fromEntries(functions) };
}

/** Throws `unsupported_library` unless it is a version whose structs are the ones above. */
export function requireSupportedVersion(version: string): void {
  if (supportedVersions.some((supported) => version === supported || version.startsWith(`${supported}-`))) return;
  const problem = `llama.cpp ${version} is not supported; supported: ${supportedVersions.join(", ")}`;
  throw failure("unsupported_library", { problem });
}

/** The rating of a CPU backend file for this CPU: 0 = cannot run here, otherwise higher is faster. */
export function scoreVariant(file: string): number {
  return (load(file).func("int ggml_backend_score()") as () => number)();
}

/** Runs a graph on the CPU backend of `file`; returns 0 for success. */
export function computeGraph(file: string, context: Pointer, graph: Pointer): number {
  const compute = load(file).func("int ggml_graph_compute_with_ctx(void *ctx, void *graph, int n_threads)");
  return compute(context, graph, 1) as number;
}

export function newPool(procedure: Pointer, params: ThreadPoolParams): Pointer | null {
  return koffi.call(procedure, newThreadPool, params);
}

export function freePool(procedure: Pointer, pool: Pointer): void {
  koffi.call(procedure, freeThreadPool, pool);
}

/** Makes `callback` callable from native code, on this thread only, until `release`. Returning false cancels the load. */
export function progressPointer(callback: (fraction: number) => boolean): { address: Pointer; release: () => void } {
  const address = koffi.register(callback, progressCallback);
  return { address, release: () => koffi.unregister(address) };
}

/** `count` floats of native memory, not copied. Reading it after the memory was freed reads garbage. */
export function viewFloats(address: Pointer, count: number): Float32Array {
  return new Float32Array(koffi.view(address, count * Float32Array.BYTES_PER_ELEMENT));
}

/** Where an array lies. It must be off the JavaScript heap: longer than 64 bytes, or over a buffer of its own. */
export function addressOf(array: Int32Array | Uint8Array): Pointer {
  return koffi.address(array);
}

/** The address of a function of the C library: native code may call it from any thread, a JavaScript function not. */
export function systemFunction(name: "strlen" | "abs"): Pointer {
  const library = { darwin: "/usr/lib/libSystem.B.dylib", win32: "msvcrt.dll" }[process.platform as string];
  return koffi.load(library ?? "libc.so.6").symbol(name) as Pointer;
}

function load(file: string): LibraryHandle {
  try {
    return koffi.load(file);
  } catch (error) {
    const problem = `cannot load ${file}: ${String(error)} (on Linux, glibc 2.34 or newer is needed)`;
    throw failure("unsupported_library", { problem }, error);
  }
}

/** Each function lives in one of the libraries; only some systems also find it through those that need it. */
function find(libraries: readonly LibraryHandle[], prototype: string): unknown {
  for (const library of libraries.slice(0, -1)) {
    try {
      return library.func(prototype);
    } catch {
      // not in this one
    }
  }
  return libraries.at(-1)!.func(prototype);
}
