import { failure } from "../core/errors.ts";
import type { Vocabulary } from "../engine/vocabulary.ts";

/** Token ids that a client sent. Throws `invalid_value` for one that the model has not; `field` is the array's name. */
export function checkedIds(ids: readonly number[], vocabulary: Vocabulary, field: string): Int32Array {
  const index = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary.size));
  if (index < 0) return Int32Array.from(ids);
  const accepted = `token ids from 0 to ${vocabulary.size - 1}`;
  throw failure("invalid_value", { field: `${field}[${index}]`, value: `${ids[index]}`, accepted });
}

/**
 * No token has more bytes than the longest piece: a text that is far too long is known without tokenizing it. Not where
 * words that the model does not know are one token each, which only models that embed do.
 */
export function fewestTokens(text: string, { maxPieceBytes }: Vocabulary): number {
  return Math.ceil(Buffer.byteLength(text) / maxPieceBytes);
}
