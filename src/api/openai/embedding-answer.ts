import { vectorToBase64, type Embeddings } from "../../core/embedding.ts";
import type { VectorEncoding } from "./embedding-request.ts";

interface How {
  readonly model: string;
  readonly encoding: VectorEncoding;
}

/**
 * The JSON of the object that answers `POST /v1/embeddings`, a vector in each piece: thousands of them take long to write,
 * and whoever does need not do it at once.
 */
export function* embeddingPieces({ vectors, promptTokens }: Embeddings, { model, encoding }: How): Generator<string> {
  yield '{"object":"list","data":[';
  for (const [index, vector] of vectors.entries()) {
    const embedding = encoding === "base64" ? vectorToBase64(vector) : Array.from(vector, fewDigits);
    yield `${index === 0 ? "" : ","}${JSON.stringify({ object: "embedding", index, embedding })}`;
  }
  const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens };
  yield `],"model":${JSON.stringify(model)},"usage":${JSON.stringify(usage)}}`;
}

/** A number that is the same 32-bit float and, as most numbers of a vector of length 1, half as long in decimal. */
function fewDigits(float: number): number {
  for (const scale of [1e8, 1e9, 1e10]) {
    const rounded = Math.round(float * scale) / scale;
    if (Math.fround(rounded) === float) return rounded;
  }
  return float;
}
