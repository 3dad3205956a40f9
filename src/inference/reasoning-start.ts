import type { Vocabulary } from "../engine/vocabulary.ts";
import { textOf } from "./detokenizer.ts";

/** Enough for a mark and the space behind it. */
const tailTokens = 8;

/**
 * How an answer begins: inside reasoning that the prompt has opened, or perhaps with it. Empty = the model's template knows
 * no reasoning between `<think>` and `</think>`.
 */
export function reasoningStart(
  prompt: Int32Array,
  vocabulary: Vocabulary,
): { readonly reasoning?: "open" | "possible" } {
  if (vocabulary.chatTemplate?.includes("</think>") !== true) return {};
  const tail = textOf(prompt.subarray(-tailTokens), vocabulary, true);
  return { reasoning: /<think>\s*$/.test(tail) ? "open" : "possible" };
}
