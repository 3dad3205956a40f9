import * as z from "zod";
import type { GgufValue } from "./gguf-encoding.ts";
import type { GgufContent, GgufTensor } from "./gguf-writer.ts";
import { halvesToFloats, readSafetensors, type SafeTensor } from "./safetensors.ts";
import { SourceProblem } from "./source-problem.ts";

/** A BERT as sentence-transformers publishes it. */
export interface BertFiles {
  /** `config.json`. */
  readonly config: Buffer;
  /** `tokenizer.json`, of kind WordPiece. */
  readonly tokenizer: Buffer;
  /** A safetensors file in F16. */
  readonly weights: Buffer;
}

const count = z.int().positive();
const configSchema = z.object({
  model_type: z.literal("bert"),
  hidden_act: z.literal("gelu"),
  position_embedding_type: z.literal("absolute").default("absolute"),
  hidden_size: count,
  intermediate_size: count,
  layer_norm_eps: z.number().positive(),
  max_position_embeddings: count,
  num_attention_heads: count,
  num_hidden_layers: count,
  type_vocab_size: count,
  vocab_size: count,
});
const tokenizerSchema = z.object({
  added_tokens: z.array(z.object({ id: z.int().nonnegative(), content: z.string(), special: z.literal(true) })),
  // What llama.cpp's WordPiece does to every text.
  normalizer: z.object({ type: z.literal("BertNormalizer"), lowercase: z.literal(true) }),
  model: z.object({
    type: z.literal("WordPiece"),
    continuing_subword_prefix: z.literal("##"),
    vocab: z.record(z.string(), z.int().nonnegative()),
  }),
});
type Config = z.infer<typeof configSchema>;
type Tokenizer = z.infer<typeof tokenizerSchema>;

/** enum llama_token_type, llama_ftype and llama_pooling_type. */
const tokenTypes = { normal: 1, control: 3 } as const;
const mostlyF16 = 1;
const meanPooling = 1;
const quantizationVersion = 2;

/** Tensors by the beginning of their names; N is the layer's number. */
const names: ReadonlyMap<string, string> = new Map([
  ["embeddings.word_embeddings", "token_embd"],
  ["embeddings.position_embeddings", "position_embd"],
  ["embeddings.token_type_embeddings", "token_types"],
  ["embeddings.LayerNorm", "token_embd_norm"],
  ["encoder.layer.N.attention.self.query", "blk.N.attn_q"],
  ["encoder.layer.N.attention.self.key", "blk.N.attn_k"],
  ["encoder.layer.N.attention.self.value", "blk.N.attn_v"],
  ["encoder.layer.N.attention.output.dense", "blk.N.attn_output"],
  ["encoder.layer.N.attention.output.LayerNorm", "blk.N.attn_output_norm"],
  ["encoder.layer.N.intermediate.dense", "blk.N.ffn_up"],
  ["encoder.layer.N.output.dense", "blk.N.ffn_down"],
  ["encoder.layer.N.output.LayerNorm", "blk.N.layer_output_norm"],
]);
/** The pooler is for another task than vectors of texts; the positions are 0, 1, 2 ... */
const unused = /^(?:pooler\.|embeddings\.position_ids$)/;
/** Tables that are added to other tensors. */
const added = new Set(["position_embd", "token_types"]);

/**
 * A BERT with mean pooling as a GGUF file that llama.cpp reads: tensor names and types, keys and tokens as its own
 * `convert_hf_to_gguf.py --outtype f16` writes them. Throws a SourceProblem when it is a model of another kind. That no tensor is
 * missing is not looked at: the sum of the whole file tells.
 */
export function convertBert(files: BertFiles, about: { name: string; license: string }): GgufContent {
  const config = parse(configSchema, files.config, "config.json");
  const tokenizer = parse(tokenizerSchema, files.tokenizer, "tokenizer.json");
  const general: GgufContent["metadata"] = [
    ["general.architecture", { text: "bert" }],
    ["general.type", { text: "model" }],
    ["general.name", { text: about.name }],
    ["general.license", { text: about.license }],
    ["general.file_type", { u32: mostlyF16 }],
    ["general.quantization_version", { u32: quantizationVersion }],
  ];
  const metadata = [...general, ...shapeEntries(config), ...tokenEntries(tokenizer, config)];
  return { metadata, tensors: [...convertTensors(readSafetensors(files.weights))] };
}

function parse<T>(schema: z.ZodType<T>, bytes: Buffer, file: string): T {
  try {
    return schema.parse(JSON.parse(bytes.toString("utf8")));
  } catch (thrown) {
    const issue = thrown instanceof z.ZodError ? thrown.issues[0] : undefined;
    const where = issue === undefined ? "" : ` (${issue.path.join(".")}: ${issue.message})`;
    throw new SourceProblem(`its ${file} is not that of a BERT that can be converted${where}`, { cause: thrown });
  }
}

function shapeEntries(config: Config): [string, GgufValue][] {
  return [
    ["bert.block_count", { u32: config.num_hidden_layers }],
    ["bert.context_length", { u32: config.max_position_embeddings }],
    ["bert.embedding_length", { u32: config.hidden_size }],
    ["bert.feed_forward_length", { u32: config.intermediate_size }],
    ["bert.attention.head_count", { u32: config.num_attention_heads }],
    ["bert.attention.layer_norm_epsilon", { f32: config.layer_norm_eps }],
    ["bert.attention.causal", { bool: false }],
    ["bert.pooling_type", { u32: meanPooling }],
  ];
}

function tokenEntries({ model, added_tokens: special }: Tokenizer, config: Config): [string, GgufValue][] {
  const controls = new Map(special.map(({ id, content }) => [content, id]));
  const texts: string[] = [];
  for (const [token, id] of Object.entries(model.vocab)) texts[id] = controls.has(token) ? token : phantom(token);
  // `Object.keys` of an array leaves holes out: each number below the size is the id of one token.
  if (texts.length !== config.vocab_size || Object.keys(texts).length !== texts.length) {
    throw new SourceProblem(`its tokenizer.json has not ${config.vocab_size} tokens, as its config.json says`);
  }
  const types = texts.map((token) => (controls.has(token) ? tokenTypes.control : tokenTypes.normal));
  const idOf = (token: string) => {
    const id = controls.get(token);
    if (id === undefined) throw new SourceProblem(`its tokenizer.json has no special token ${token}`);
    return { u32: id };
  };
  return [
    ["tokenizer.ggml.token_type_count", { u32: config.type_vocab_size }],
    ["tokenizer.ggml.model", { text: "bert" }],
    ["tokenizer.ggml.pre", { text: "jina-v2-en" }], // the script's name for this way to split
    ["tokenizer.ggml.tokens", { texts }],
    ["tokenizer.ggml.token_type", { i32s: types }],
    ["tokenizer.ggml.unknown_token_id", idOf("[UNK]")],
    ["tokenizer.ggml.seperator_token_id", idOf("[SEP]")], // llama.cpp's spelling
    ["tokenizer.ggml.padding_token_id", idOf("[PAD]")],
    ["tokenizer.ggml.cls_token_id", idOf("[CLS]")],
    ["tokenizer.ggml.mask_token_id", idOf("[MASK]")],
  ];
}

/** WordPiece marks what goes on within a word, llama.cpp what begins one. */
function phantom(token: string): string {
  return token.startsWith("##") ? token.slice(2) : `\u2581${token}`;
}

function* convertTensors(tensors: ReadonlyMap<string, SafeTensor>): Generator<GgufTensor> {
  for (const [name, tensor] of tensors) {
    if (unused.test(name)) continue;
    const [, layer = ""] = /^encoder\.layer\.(\d+)\./.exec(name) ?? [];
    const dot = name.lastIndexOf(".");
    const known = names.get(name.slice(0, dot).replace(`.${layer}.`, ".N."));
    if (known === undefined || tensor.type !== "F16") {
      throw new SourceProblem(`its tensor '${name}' (${tensor.type}) is not one of a BERT in F16`);
    }
    yield convertTensor(tensor, { known, name: known.replace("N", layer) + name.slice(dot) });
  }
}

/** Matrices stay as they are. What scales or is added is small, and llama.cpp computes with it in F32. */
function convertTensor({ shape, data }: SafeTensor, { known, name }: { known: string; name: string }): GgufTensor {
  const dimensions = shape.toReversed();
  return shape.length < 2 || added.has(known)
    ? { name, type: "f32", dimensions, data: halvesToFloats(data) }
    : { name, type: "f16", dimensions, data };
}
