import { vectorToBase64, type Embeddings } from "../../core/embedding.ts";
import type { VectorEncoding } from "./embedding-request.ts";

interface How {
  readonly model: string;
  readonly encoding: VectorEncoding;
}

/** The object that answers `POST /v1/embeddings`. */
export function formatEmbeddings({ vectors, promptTokens }: Embeddings, { model, encoding }: How): object {
  return {
    object: "list",
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: encoding === "base64" ? vectorToBase64(vector) : Array.from(vector),
    })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}
