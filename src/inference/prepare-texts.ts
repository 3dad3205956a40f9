import type { EmbeddingRequest } from "../core/embedding.ts";
import { failure } from "../core/errors.ts";
import type { TextPrompt } from "../core/generation.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import { checkedIds } from "./prompt-tokens.ts";

/** What an embedder takes. */
interface TextLimits {
  /** Tokens of a text. */
  readonly contextLength: number;
  /** Numbers of a vector. */
  readonly dimensions: number;
}

/**
 * The inputs of a request as tokens, at least one and at most `contextLength` each. Throws MillraceError that names the
 * input at fault: none is cut off in silence. May take long, see host/text-worker.
 */
export function prepareTexts(request: EmbeddingRequest, vocabulary: Vocabulary, limits: TextLimits): Int32Array[] {
  const { inputs, listed, dimensions } = request;
  if (dimensions !== undefined && dimensions > limits.dimensions) {
    const accepted = `a whole number from 1 to ${limits.dimensions} with this model`;
    throw failure("invalid_value", { field: "dimensions", value: `${dimensions}`, accepted });
  }
  return inputs.map((input, index) => {
    const field = listed ? `input[${index}]` : "input";
    return textTokens(input, { field, vocabulary, limit: limits.contextLength });
  });
}

interface Place {
  readonly field: string;
  readonly vocabulary: Vocabulary;
  readonly limit: number;
}

function textTokens(input: TextPrompt, { field, vocabulary, limit }: Place): Int32Array {
  // However long a text is, it may be few tokens: WordPiece makes one of any word that it does not know, and none of blanks.
  const tokens =
    input.kind === "tokens"
      ? checkedIds(input.ids, vocabulary, field)
      : vocabulary.tokenize(input.text, { parseSpecial: false, addSpecial: true });
  if (tokens.length > limit) throw failure("context_length_exceeded", { field, prompt: `${tokens.length}`, limit });
  if (tokens.length > 0) return tokens;
  throw failure("invalid_value", { field, value: "without tokens", accepted: "a text with at least one token" });
}
