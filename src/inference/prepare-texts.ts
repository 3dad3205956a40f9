import type { EmbeddingInput, EmbeddingRequest } from "../core/embedding.ts";
import { failure } from "../core/errors.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";
import { checkedIds, fewestTokens } from "./prompt-tokens.ts";

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
  const { inputs, dimensions } = request;
  if (dimensions !== undefined && dimensions > limits.dimensions) {
    const accepted = `a whole number from 1 to ${limits.dimensions} with this model`;
    throw failure("invalid_value", { field: "dimensions", value: `${dimensions}`, accepted });
  }
  return inputs.map((input, index) => {
    const field = inputs.length === 1 ? "input" : `input[${index}]`;
    return textTokens(input, { field, vocabulary, limit: limits.contextLength });
  });
}

interface Place {
  readonly field: string;
  readonly vocabulary: Vocabulary;
  readonly limit: number;
}

function textTokens(input: EmbeddingInput, { field, vocabulary, limit }: Place): Int32Array {
  if (input.kind === "text") {
    const fewest = fewestTokens(input.text.replaceAll(/\s+/g, " "), vocabulary); // WordPiece makes no tokens of blanks
    if (fewest > limit) throw failure("context_length_exceeded", { field, prompt: `at least ${fewest}`, limit });
  }
  const tokens =
    input.kind === "tokens"
      ? checkedIds(input.ids, vocabulary, field)
      : vocabulary.tokenize(input.text, { parseSpecial: false, addSpecial: true });
  if (tokens.length > limit) throw failure("context_length_exceeded", { field, prompt: `${tokens.length}`, limit });
  if (tokens.length > 0) return tokens;
  throw failure("invalid_value", { field, value: "without tokens", accepted: "a text with at least one token" });
}
