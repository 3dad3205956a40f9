import { failure } from "../core/errors.ts";
import { batchForTexts, type ExecutionPlan } from "../core/execution-plan.ts";
import { formatBytes } from "../core/format-bytes.ts";
import type { GgufHeader } from "./gguf-header.ts";
import { estimateMemory, type Load, type MemoryEstimate } from "./memory-estimate.ts";

/** What was asked for, and what of it may be made smaller when memory is short. */
export interface WantedLoad extends Load {
  readonly mayShrink: "nothing" | "cache" | "everything";
}

const mebibyte = 1024 * 1024;
/** Contexts are rounded to this by the library, and none shorter than two of these is worth serving. */
const contextStep = 256;

/** Bytes that must be there for a load: more would be used, but is not missed. */
export function neededBytes({ total, droppable }: MemoryEstimate): number {
  return total - droppable;
}

/**
 * What was wanted if `available` bytes hold it, else the nearest load that may be and is held; undefined = none. Given up
 * are, in this order and no more than needed: the prefix cache, slots, context; of a plan to embed, whose memory is that of
 * its longest text, only the context. The formats of the numbers are not touched,
 * so the answers stay what they are.
 */
export function tryFit(header: GgufHeader, wanted: WantedLoad, available: number): Load | undefined {
  const { plan, cacheMemory, mayShrink } = wanted;
  if (neededBytes(estimateMemory(header, wanted)) <= available) return { plan, cacheMemory };
  const nearest = nearestLoad(header, wanted, available);
  const allowed = mayShrink === "everything" || (mayShrink === "cache" && nearest?.plan === plan);
  return allowed ? nearest : undefined;
}

/** The same; throws `model_too_large` with the numbers and the nearest load where there is none. */
export function fitLoad(header: GgufHeader, wanted: WantedLoad, available: number): Load {
  const fitting = tryFit(header, wanted, available);
  if (fitting !== undefined) return fitting;
  const estimate = estimateMemory(header, wanted);
  const nearest = nearestLoad(header, wanted, available);
  throw failure("model_too_large", {
    needed: `${formatBytes(neededBytes(estimate))} (${partsInWords(estimate)})`,
    available: formatBytes(available),
    advice:
      nearest === undefined
        ? "no shorter context fits: free memory, or choose a smaller model or a smaller quantization"
        : `${optionsOf(wanted, nearest)} would fit, and --fit would choose it`,
  });
}

/** What `to` has less of than `from`; empty = nothing. */
export function differenceInWords(from: Load, to: Load): string {
  const { slots, contextPerSlot } = to.plan;
  const cache = to.cacheMemory === 0 ? "no prefix cache" : `${formatBytes(to.cacheMemory)} of prefix cache`;
  return differing(from, to, {
    cache: `${cache} instead of ${formatBytes(from.cacheMemory)}`,
    slots: `${slots === 1 ? "1 slot" : `${slots} slots`} instead of ${from.plan.slots}`,
    context: `${contextPerSlot} tokens of context instead of ${from.plan.contextPerSlot}`,
  }).join(", ");
}

function optionsOf(from: Load, to: Load): string {
  return differing(from, to, {
    cache: `--cache-memory ${to.cacheMemory / mebibyte}MiB`,
    slots: `--parallel ${to.plan.slots}`,
    context: `--context ${to.plan.contextPerSlot}`,
  }).join(" ");
}

/** The words for what differs. */
function differing(
  from: Load,
  to: Load,
  words: { readonly cache: string; readonly slots: string; readonly context: string },
): string[] {
  return [
    ...(from.cacheMemory === to.cacheMemory ? [] : [words.cache]),
    ...(from.plan.slots === to.plan.slots ? [] : [words.slots]),
    ...(from.plan.contextPerSlot === to.plan.contextPerSlot ? [] : [words.context]),
  ];
}

function nearestLoad(header: GgufHeader, { plan, cacheMemory }: Load, available: number): Load | undefined {
  const left = (plan: ExecutionPlan) => available - neededBytes(estimateMemory(header, { plan, cacheMemory: 0 }));
  const nearest = nearestPlan(header, plan, (plan) => left(plan) >= 0);
  if (nearest === undefined) return undefined;
  return { plan: nearest, cacheMemory: Math.min(cacheMemory, Math.floor(left(nearest) / mebibyte) * mebibyte) };
}

function nearestPlan(
  header: GgufHeader,
  plan: ExecutionPlan,
  fits: (plan: ExecutionPlan) => boolean,
): ExecutionPlan | undefined {
  if (fits(plan)) return plan;
  const longest = Math.min(plan.contextPerSlot, header.contextLength);
  const shorter = (withContext: (contextPerSlot: number) => ExecutionPlan) => {
    const steps = largest(2, Math.ceil(longest / contextStep) - 1, (steps) => fits(withContext(steps * contextStep)));
    return steps === undefined ? undefined : withContext(steps * contextStep);
  };
  if (plan.task === "embed")
    return shorter((contextPerSlot) => ({ ...plan, contextPerSlot, ...batchForTexts(contextPerSlot) }));
  const withSlots = (slots: number) => ({ ...plan, slots });
  const slots = largest(1, plan.slots - 1, (slots) => fits(withSlots(slots)));
  if (slots !== undefined) return withSlots(slots);
  return shorter((contextPerSlot) => ({ ...plan, slots: 1, contextPerSlot }));
}

function partsInWords(estimate: MemoryEstimate): string {
  const { kvCache, prefixCache, droppable } = estimate;
  const weights = estimate.weights + estimate.repacked - droppable;
  const rest = neededBytes(estimate) - weights - kvCache - prefixCache;
  const parts = [
    [weights, "weights"],
    [kvCache, "context"],
    [prefixCache, "prefix cache"],
    [rest, "the rest"],
  ] as const;
  return parts.map(([bytes, name]) => `${name} ${formatBytes(bytes)}`).join(", ");
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
