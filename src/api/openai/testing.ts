import { MillraceError } from "../../core/errors.ts";
import type { Fixed } from "./common-fields.ts";

/** What a server says about a request, all of it defaulted. */
export const someFixed = (over: Partial<Fixed> = {}): Fixed => ({
  id: "req-1",
  seed: 77,
  tenant: { name: "ann", weight: 1 },
  lane: "interactive",
  headers: { "x-priority": undefined, "x-request-timeout": undefined },
  defaultTimeoutMs: undefined,
  defaultModel: "small",
  defaults: {},
  ...over,
});

/** What `run` throws; fails when it throws nothing, or something else. */
export function errorOf(run: () => unknown): MillraceError {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
