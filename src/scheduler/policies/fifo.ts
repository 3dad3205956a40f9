import type { Policy } from "./policy.ts";
import { preemption } from "./preemption.ts";
import { byPlace } from "./turns.ts";

/** In order of arrival and turns, whatever the lane. */
export const fifo: Policy = {
  compare: byPlace,
  preempts: preemption({ urgency: () => 0, compare: byPlace }),
};
