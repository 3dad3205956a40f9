import { BLOCK, blockMasses, maxLogit, weigh } from "./logit-passes.ts";

let sums = new Float64Array(0);
const weights = new Float64Array(BLOCK);

/**
 * The token at `uniform` (in [0, 1)) of the cumulative distribution softmax(logits / temperature), in order of ids: one
 * pass over all tokens, then a walk inside one block. Undefined if a logit is NaN or none is finite.
 */
export function drawFromAll(logits: Float32Array, temperature: number, uniform: number): number | undefined {
  const row = { logits, max: maxLogit(logits), temperature };
  if (!Number.isFinite(row.max)) return undefined;
  const { length } = logits;
  const blocks = Math.ceil(length / BLOCK);
  if (sums.length < blocks) sums = new Float64Array(blocks);
  const target = uniform * blockMasses(row, sums);
  if (Number.isNaN(target)) return undefined;
  let block = 0;
  while (block < blocks - 1 && sums[block]! <= target) block += 1;
  const start = block * BLOCK;
  const ids = Int32Array.from({ length: Math.min(BLOCK, length - start) }, (_, i) => start + i);
  weigh(ids, row, weights);
  let sum = block === 0 ? 0 : sums[block - 1]!;
  let chosen: number | undefined;
  for (let i = 0; i < ids.length && sum <= target; i += 1) {
    sum += weights[i]!;
    if (weights[i]! > 0) chosen = start + i; // in case that rounding leaves the target behind the block's last token
  }
  return chosen;
}
