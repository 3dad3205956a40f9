import type { GgufHeader } from "../gguf-header.ts";
import { modelShape } from "../model-shape.ts";

/** As the file would have it, without the file. */
function headerOf(
  architecture: string,
  facts: Readonly<Record<string, number>>,
  sizes: Pick<GgufHeader, "vocabularySize" | "mergeCount" | "tensors" | "tensorBytes">,
): GgufHeader {
  const metadata = new Map(Object.entries(facts).map(([key, value]) => [`${architecture}.${key}`, value]));
  return {
    ...modelShape(architecture, metadata, sizes.tensors),
    file: "model.gguf",
    fileBytes: sizes.tensorBytes,
    architecture,
    name: undefined,
    license: undefined,
    parameters: 0,
    fileType: undefined,
    hasChatTemplate: true,
    ...sizes,
  };
}

/** SmolLM2-135M in Q4_1, none of whose tensors are copied. */
export const smollm2 = headerOf(
  "llama",
  {
    block_count: 30,
    context_length: 8192,
    embedding_length: 576,
    feed_forward_length: 1536,
    "attention.head_count": 9,
    "attention.head_count_kv": 3,
  },
  { vocabularySize: 49_152, mergeCount: 48_900, tensors: [], tensorBytes: 96_576_768 },
);

/** The same in Q4_0; its copied tensors stand for one. */
export const smollm2Q4 = {
  ...smollm2,
  tensors: [
    {
      name: "blk.0.ffn_up.weight",
      type: "q4_0",
      dimensions: [1536, 69_120],
      elements: 106_168_320,
      bytes: 59_719_680,
      offset: 0,
    },
  ],
  tensorBytes: 89_940_000,
};

/** Gemma 3 270M: sliding windows, a large vocabulary. */
export const gemma3 = headerOf(
  "gemma3",
  {
    block_count: 18,
    context_length: 32_768,
    embedding_length: 640,
    feed_forward_length: 2048,
    "attention.head_count": 4,
    "attention.head_count_kv": 1,
    "attention.key_length": 256,
    "attention.value_length": 256,
    "attention.sliding_window": 512,
  },
  { vocabularySize: 262_144, mergeCount: 0, tensors: [], tensorBytes: 246_582_784 },
);

/** all-MiniLM-L6-v2 in F16, an encoder. */
export const minilm = headerOf(
  "bert",
  {
    block_count: 6,
    context_length: 512,
    embedding_length: 384,
    feed_forward_length: 1536,
    "attention.head_count": 12,
  },
  { vocabularySize: 30_522, mergeCount: 0, tensors: [], tensorBytes: 45_500_000 },
);
