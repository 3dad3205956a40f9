import { BLOCK, blockMasses, type Scale, weightOf } from "./logit-passes.ts";

let sums = new Float64Array(0);

/**
 * The token at `uniform` (in [0, 1)) of the cumulative distribution softmax(logits / temperature), in order of ids: one
 * pass over all tokens, then a walk inside one block. Undefined if a logit is NaN.
 */
export function drawFromAll(logits: Float32Array, scale: Scale, uniform: number): number | undefined {
  const blocks = Math.ceil(logits.length / BLOCK);
  if (sums.length < blocks) sums = new Float64Array(blocks);
  const target = uniform * blockMasses(logits, scale, sums);
  if (Number.isNaN(target)) return undefined;
  let block = 0;
  while (block < blocks - 1 && sums[block]! <= target) block += 1;
  let sum = block === 0 ? 0 : sums[block - 1]!;
  let chosen: number | undefined;
  const end = Math.min((block + 1) * BLOCK, logits.length);
  for (let i = block * BLOCK; i < end && sum <= target; i += 1) {
    const weight = weightOf(logits[i]!, scale);
    sum += weight;
    if (weight > 0) chosen = i; // in case that rounding leaves the target behind the block's last token
  }
  return chosen;
}
