import * as z from "zod";
import type { TokenBias } from "../../core/generation.ts";
import { numberFrom } from "./fields.ts";

const mostBiases = 1024;
const accepted = `an object of up to ${mostBiases} token ids, each with a number from -100 to 100`;
const tokenId = /^(0|[1-9]\d{0,9})$/;
const bias = numberFrom(-100, 100);

/** `{"1734": -100}`: what is added to the logits of tokens. Whether the model has the token it alone knows. */
export const logitBiasField = z
  .custom<object>(isObject, accepted)
  .transform((value, context): TokenBias[] => {
    const entries = Object.entries(value);
    if (entries.length > mostBiases) {
      context.addIssue({ code: "custom", message: accepted });
      return z.NEVER;
    }
    const biases: TokenBias[] = [];
    for (const [id, given] of entries) {
      const parsed = bias.safeParse(given);
      const problem = tokenId.test(id) ? parsed.error?.issues[0]!.message : "a token id as the name";
      if (problem !== undefined) {
        context.addIssue({ code: "custom", message: problem, path: [id] });
        return z.NEVER;
      }
      biases.push({ token: Number(id), bias: parsed.data! });
    }
    return biases;
  })
  .meta({
    type: "object",
    propertyNames: { pattern: tokenId.source },
    additionalProperties: { type: "number", minimum: -100, maximum: 100 },
    maxProperties: mostBiases,
  });

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
