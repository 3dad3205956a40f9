import { tensorTypes } from "./ggml-types.ts";
import type { GgufHeader } from "./gguf-header.ts";

/**
 * About the bytes that a file's tensors take as numbers of `fileType` ("q4_k_m"). The mixed types give some tensors more
 * bits than their name says, and vectors stay as they are: it is for a progress bar.
 */
export function quantizedSize(header: GgufHeader, fileType: string): number | undefined {
  const wanted = fileType.toLowerCase().replace(/_[sml]$/, "");
  const type = [...tensorTypes.values()].find(({ name }) => name.toLowerCase() === wanted);
  if (type === undefined) return undefined;
  return header.tensors.reduce((sum, { dimensions, bytes }) => {
    const elements = dimensions.reduce((product, dimension) => product * dimension, 1);
    return sum + (dimensions.length < 2 ? bytes : (elements / type.block) * type.bytes);
  }, 0);
}
