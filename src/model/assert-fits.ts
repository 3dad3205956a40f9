import { failure } from "../core/errors.ts";
import type { ExecutionPlan } from "../core/execution-plan.ts";
import { formatBytes } from "../core/format-bytes.ts";
import { availableMemory } from "./available-memory.ts";
import type { GgufHeader } from "./gguf-header.ts";
import { estimateMemory, type MemoryEstimate } from "./memory-estimate.ts";

/** Contexts are rounded to this by the library, and none shorter than two of these is worth serving. */
const contextStep = 256;

/** Throws `model_too_large`, with the numbers and the nearest plan that fits, when `available` bytes do not hold `plan`. */
export function assertFits(header: GgufHeader, plan: ExecutionPlan, available = availableMemory()): void {
  const estimate = estimateMemory(header, plan);
  if (estimate.total <= available) return;
  throw failure("model_too_large", {
    needed: `${formatBytes(estimate.total)} (${inWords(estimate)})`,
    available: formatBytes(available),
    advice: advice(header, plan, available),
  });
}

function inWords(estimate: MemoryEstimate): string {
  const weights = formatBytes(estimate.weights + estimate.repacked);
  const other = formatBytes(estimate.total - estimate.weights - estimate.repacked - estimate.kvCache);
  return `weights ${weights}, context ${formatBytes(estimate.kvCache)}, the rest ${other}`;
}

/** First fewer slots, then a shorter context, then both. */
function advice(header: GgufHeader, plan: ExecutionPlan, available: number): string {
  const fits = (change: Partial<ExecutionPlan>) => estimateMemory(header, { ...plan, ...change }).total <= available;
  const context = Math.min(plan.contextPerSlot, header.contextLength);
  const slots = largest(1, plan.slots - 1, (slots) => fits({ slots }));
  const steps = Math.ceil(context / contextStep) - 1;
  const shorter = largest(2, steps, (step) => fits({ contextPerSlot: step * contextStep }));
  const alone = largest(2, steps, (step) => fits({ slots: 1, contextPerSlot: step * contextStep }));
  const choices = [
    ...(slots === undefined ? [] : [`--parallel ${slots}`]),
    ...(shorter === undefined ? [] : [`--context ${shorter * contextStep}`]),
  ];
  if (choices.length > 0) return `${choices.join(" or ")} would fit`;
  if (alone !== undefined) return `--parallel 1 --context ${alone * contextStep} would fit`;
  return "no shorter context fits: free memory, or choose a smaller model or a smaller quantization";
}

/** The largest whole number of `from .. to` for which `fits` holds; it holds for all below one for which it holds. */
function largest(from: number, to: number, fits: (value: number) => boolean): number | undefined {
  let low = from - 1;
  let high = to;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low < from ? undefined : low;
}
