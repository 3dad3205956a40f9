import { encoders } from "./architectures.ts";
import { HeaderProblem } from "./header-reader.ts";
import { printable, type Metadata } from "./metadata.ts";
import type { TensorInfo } from "./tensors.ts";

/** The sizes of a model that decide what it costs to run. Lengths are counts of numbers or tokens, never bytes. */
export interface ModelShape {
  /** Tokens it was trained on at once. */
  readonly contextLength: number;
  readonly embeddingLength: number;
  readonly feedForwardLength: number;
  readonly vocabularySize: number;
  /** Byte pairs that its tokenizer joins; 0 for tokenizers of other kinds. */
  readonly mergeCount: number;
  /** Attention heads of the largest layer; 0 = no attention at all. */
  readonly heads: number;
  readonly kvHeads: number;
  readonly keyLength: number;
  readonly valueLength: number;
  /** Tokens that sliding layers look back; 0 = every layer sees all. */
  readonly slidingWindow: number;
  readonly layers: readonly LayerShape[];
  /** It is there to make vectors of texts: an encoder, or its file says how to make one of those of its tokens. */
  readonly embeds: boolean;
}

interface LayerShape {
  /** Numbers kept per token of context; 0 in an encoder. */
  readonly keyWidth: number;
  readonly valueWidth: number;
  /** Keeps only the sliding window. */
  readonly sliding: boolean;
  /** Numbers kept per sequence, whatever its length (Mamba, RWKV, short convolutions). */
  readonly stateWidth: number;
}

/** Of `enum llama_pooling_type`: mean, first token, last token; 0 = none, 4 = a rank instead of a vector. */
const pools: ReadonlySet<unknown> = new Set([1, 2, 3]);
/** llama.cpp's `LLAMA_MAX_LAYERS`. */
const maxLayers = 512;

/** Which layers slide when the file has a window but no pattern: every n-th is full, last or first of its n (`src/models`). */
const slidingPatterns: Readonly<Record<string, { every: number; fullFirst?: true }>> = {
  afmoe: { every: 4 },
  cohere2: { every: 4 },
  cohere2moe: { every: 4, fullFirst: true },
  "exaone-moe": { every: 4 },
  exaone4: { every: 4 },
  "gemma-embedding": { every: 6 },
  gemma2: { every: 2 },
  gemma3: { every: 6 },
  gemma3n: { every: 5 },
  "gpt-oss": { every: 2 },
  laguna: { every: 4, fullFirst: true },
  llama4: { every: 4 },
  mellum: { every: 4 },
  "modern-bert": { every: 3, fullFirst: true },
  "muse-glimmer": { every: 4 },
  olmo2: { every: 4 },
  plamo3: { every: 8 },
  smallthinker: { every: 4, fullFirst: true },
};

export function modelShape(architecture: string, metadata: Metadata, tensors: readonly TensorInfo[]): ModelShape {
  const facts = new Facts(architecture, metadata);
  const layerCount = facts.required("block_count");
  if (layerCount > maxLayers)
    throw new HeaderProblem(`it claims ${layerCount} layers; at most ${maxLayers} are possible`);
  const contextLength = facts.required("context_length");
  if (contextLength === 0) throw new HeaderProblem("it claims a context of 0 tokens");
  const embeddingLength = facts.required("embedding_length");
  const heads = facts.perLayer("attention.head_count", layerCount) ?? Array.from({ length: layerCount }, () => 0);
  const kvHeads = facts.perLayer("attention.head_count_kv", layerCount) ?? heads;
  const widest = Math.max(0, ...heads);
  const headLength = widest === 0 ? 0 : Math.floor(embeddingLength / widest);
  const keyLength = facts.optional("attention.key_length") ?? headLength;
  const valueLength = facts.optional("attention.value_length") ?? headLength;
  const sliding = slidingLayers(facts, layerCount);
  const names = new Set(tensors.map((tensor) => tensor.name));
  const cached = layerCount - (facts.optional("attention.shared_kv_layers") ?? 0);
  const stateWidth = recurrentWidth(facts, { embeddingLength, heads: widest });
  const stateful = statefulLayers(tensors);
  // With latent attention (DeepSeek) the value is a part of the key and is not kept apart.
  const keepsValues = facts.optional("attention.key_length_mla") === undefined;
  const encodes = encoders.has(architecture);
  return {
    contextLength,
    embeddingLength,
    feedForwardLength: Math.max(0, ...(facts.perLayer("feed_forward_length", layerCount) ?? [])),
    vocabularySize: vocabularySize(facts, tensors),
    mergeCount: arrayLength(metadata, "tokenizer.ggml.merges") ?? 0,
    heads: widest,
    kvHeads: Math.max(0, ...kvHeads),
    keyLength,
    valueLength,
    slidingWindow: sliding.includes(true) ? facts.optional("attention.sliding_window")! : 0,
    layers: kvHeads.map((count, i) => {
      const attends = !encodes && i < cached && (!stateful.has(i) || names.has(`blk.${i}.attn_k.weight`));
      const lengths = sliding[i]
        ? {
            key: facts.optional("attention.key_length_swa") ?? keyLength,
            value: facts.optional("attention.value_length_swa") ?? valueLength,
          }
        : { key: keyLength, value: valueLength };
      return {
        keyWidth: attends ? count * lengths.key : 0,
        valueWidth: attends && keepsValues ? count * lengths.value : 0,
        sliding: sliding[i]!,
        stateWidth: stateful.has(i) ? stateWidth : 0,
      };
    }),
    embeds: encodes || pools.has(facts.value("pooling_type")),
  };
}

function slidingLayers(facts: Facts, layerCount: number): boolean[] {
  const window = facts.optional("attention.sliding_window") ?? 0;
  const given = facts.value("attention.sliding_window_pattern");
  const known = slidingPatterns[facts.architecture];
  const every = typeof given === "number" ? given : (known?.every ?? 1);
  return Array.from({ length: layerCount }, (_, i) => {
    if (window === 0) return false;
    if (Array.isArray(given)) return Boolean(given[i]);
    if (every === 0) return true;
    return known?.fullFirst ? i % every !== 0 : i % every < every - 1;
  });
}

/** Layers with the tensors of a recurrent cell, by number. */
function statefulLayers(tensors: readonly TensorInfo[]): ReadonlySet<number> {
  const layers = new Set<number>();
  for (const { name } of tensors) {
    const match = /^blk\.(\d+)\.(?:ssm_|time_mix_|shortconv)/.exec(name);
    if (match) layers.add(Number(match[1]));
  }
  return layers;
}

/** Numbers of one recurrent layer's state for one sequence: llama.cpp's `n_embd_r() + n_embd_s()`. */
function recurrentWidth(facts: Facts, { embeddingLength, heads }: { embeddingLength: number; heads: number }): number {
  const wkvHead = facts.optional("wkv.head_size");
  if (wkvHead !== undefined) return embeddingLength * ((facts.optional("token_shift_count") ?? 2) + wkvHead);
  const shortConvolution = facts.optional("shortconv.l_cache");
  if (shortConvolution !== undefined) return embeddingLength * Math.max(0, shortConvolution - 1);
  const kernel = facts.optional("ssm.conv_kernel") ?? 4;
  const kdaHead = facts.optional("kda.head_dim");
  if (kdaHead !== undefined) return heads * kdaHead * (3 * Math.max(0, kernel - 1) + kdaHead);
  const inner = facts.optional("ssm.inner_size") ?? 0;
  const state = facts.optional("ssm.state_size") ?? 0;
  return Math.max(0, kernel - 1) * (inner + 2 * (facts.optional("ssm.group_count") ?? 0) * state) + state * inner;
}

function vocabularySize(facts: Facts, tensors: readonly TensorInfo[]): number {
  const tokens = arrayLength(facts.metadata, "tokenizer.ggml.tokens");
  const embedding = tensors.find((tensor) => tensor.name === "token_embd.weight");
  return tokens ?? facts.optional("vocab_size") ?? embedding?.dimensions[1] ?? 0;
}

/** Of an array that is too long to be kept. */
function arrayLength(metadata: Metadata, key: string): number | undefined {
  const array = metadata.get(key);
  return typeof array === "object" && "count" in array ? array.count : undefined;
}

/** The metadata entries of the model's own architecture, as counts. */
class Facts {
  readonly architecture: string;
  readonly metadata: Metadata;

  constructor(architecture: string, metadata: Metadata) {
    this.architecture = architecture;
    this.metadata = metadata;
  }

  value(name: string) {
    return this.metadata.get(`${this.architecture}.${name}`);
  }

  optional(name: string): number | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : this.#count(name, value);
  }

  required(name: string): number {
    const value = this.optional(name);
    if (value !== undefined) return value;
    throw new HeaderProblem(
      `it does not have '${printable(`${this.architecture}.${name}`)}': it is not a complete model`,
    );
  }

  /** One number for all layers, or one for each. */
  perLayer(name: string, layerCount: number): number[] | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return Array.from({ length: layerCount }, () => this.#count(name, value));
    if (value.length < layerCount) {
      throw new HeaderProblem(`'${this.architecture}.${name}' has ${value.length} entries for ${layerCount} layers`);
    }
    return value.slice(0, layerCount).map((item) => this.#count(name, item));
  }

  #count(name: string, value: unknown): number {
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value;
    throw new HeaderProblem(`'${this.architecture}.${name}' is ${printable(JSON.stringify(value))}; a count is needed`);
  }
}
