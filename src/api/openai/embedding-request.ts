import * as z from "zod";
import type { EmbeddingRequest } from "../../core/embedding.ts";
import { checkBody } from "./check-body.ts";
import type { Fixed } from "./common-fields.ts";
import { integerFrom, listOf, objectOf, text, tokenIdsField } from "./fields.ts";
import { ignoredFields } from "./ignored-fields.ts";
import { laneOf, priorityField, timeoutField, timeoutOf } from "./scheduling-fields.ts";
import { severalIn, textPrompts } from "./text-prompts.ts";

/** OpenAI's limit. */
const most = 2048;

const inputText = text("a string that is not empty").min(1, "a string that is not empty");
const acceptedInputs = `a string that is not empty, an array of token ids, or an array of up to ${most} of them`;

/** Every field that OpenAI documents for embeddings, and ours. Exported for the test that compares. */
export const embeddingFields = {
  model: text("the id of a served model").nullish().describe("who computes; left out: the first model that is served"),
  input: z
    .union(
      [
        inputText,
        tokenIdsField(),
        listOf(inputText, "an array of strings", { most }),
        listOf(tokenIdsField(), "an array of arrays of token ids", { most }),
      ],
      acceptedInputs,
    )
    .describe("a vector for each; none is cut off"),
  encoding_format: z
    .enum(["float", "base64"], '"float", "base64"')
    .nullish()
    .describe("numbers, or 32-bit floats in little-endian order"),
  dimensions: integerFrom(1, 2 ** 31 - 1)
    .nullish()
    .describe("the first so many numbers of each vector, made of length 1 again"),
  // Not OpenAI's:
  priority: priorityField.nullish().describe("the lane; left out: the most urgent that the key may ask for"),
  timeout: timeoutField.nullish().describe("for queue and computing together"),
  user: ignoredFields.user,
};

export const embeddingRequest = objectOf(embeddingFields, "a JSON object");

/** A valid request, and how its answer is to be written. */
interface ParsedEmbedding {
  readonly request: EmbeddingRequest;
  readonly encoding: VectorEncoding;
}

export type VectorEncoding = "float" | "base64";

/** The body of `POST /v1/embeddings` in our words. Throws a MillraceError that names the field at fault. */
export function parseEmbedding(body: unknown, fixed: Omit<Fixed, "seed" | "defaults">): ParsedEmbedding {
  const fields = checkBody(embeddingRequest, body);
  const { input } = fields;
  return {
    request: {
      id: fixed.id,
      model: fields.model ?? fixed.defaultModel,
      tenant: fixed.tenant,
      lane: laneOf({ priority: fields.priority, serviceTier: undefined }, fixed),
      timeoutMs: timeoutOf(fields.timeout, fixed),
      inputs: textPrompts(input),
      listed: severalIn(input) !== undefined,
      dimensions: fields.dimensions ?? undefined,
    },
    encoding: fields.encoding_format ?? "float",
  };
}
