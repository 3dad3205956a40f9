import type { GenerationRequest, TextPrompt } from "./generation.ts";

/** Texts whose vectors a client wants: no wire names, every field valid. */
export interface EmbeddingRequest extends Pick<
  GenerationRequest,
  "id" | "model" | "tenant" | "lane" | "timeoutMs" | "arrived"
> {
  /** At least one; none is empty. */
  readonly inputs: readonly TextPrompt[];
  /** The client sent an array of them: an error names the one at fault. */
  readonly listed: boolean;
  /** Numbers of a vector: the first of those that the model makes, scaled to length 1 again; undefined = all. */
  readonly dimensions: number | undefined;
}

export interface Embeddings {
  /** Of length 1, in the order of the inputs. */
  readonly vectors: readonly Float32Array[];
  /** Of all inputs together, special ones included. */
  readonly promptTokens: number;
}

/** What comes of a request: the vectors of its next texts, until there are all. A failure is an error in their place. */
export type EmbeddingEvent =
  /** Its inputs are tokens now. */
  | { readonly type: "prepared" }
  | {
      readonly type: "vectors";
      /** Each as `vectorToBase64` writes it. */
      readonly vectors: readonly string[];
      /** Of these texts. */
      readonly tokens: number;
    };

/** Little-endian floats of 4 bytes: OpenAI's `base64`, and how vectors travel between processes. */
export function vectorToBase64({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

export function vectorFromBase64(text: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(text, "base64")).buffer);
}

/** The vector of the same direction and length 1; of nothing but zeros it stays as it is. */
export function normalized(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** The first `dimensions` numbers of a vector, scaled to length 1 again; undefined = the vector as it is. */
export function shortened(vector: Float32Array, dimensions: number | undefined): Float32Array {
  return dimensions === undefined || dimensions === vector.length ? vector : normalized(vector.subarray(0, dimensions));
}
