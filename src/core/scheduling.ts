/** Who runs first where several wait; each is a file in scheduler/policies. */
export const policyNames = ["fifo", "priority", "fair", "shortest", "deadline"] as const;
export type PolicyName = (typeof policyNames)[number];

/** How long the streams of a lane may be held up by prompts of their own lane or a lower one. */
export type InterTokenTarget =
  /** Not at all limited: the most tokens per second. */
  | { readonly kind: "off" }
  /** So many times the time between tokens without any prompt. */
  | { readonly kind: "times"; readonly times: number }
  | { readonly kind: "ms"; readonly ms: number };

/** What decides who is served when. Plain data: it crosses to the engine process. */
export interface Scheduling {
  readonly policy: PolicyName;
  readonly targetItl: InterTokenTarget;
  /** Host memory for prefixes that no slot holds, in bytes; 0 = only slots keep them. */
  readonly cacheMemory: number;
  /** Requests, and tokens of their prompts, that may wait for a slot. What comes beyond is refused. */
  readonly maxQueuedRequests: number;
  readonly maxQueuedTokens: number;
  /** Tokens that a sequence may generate before it gives its slot to one that waits; 0 = it keeps it to its end. */
  readonly turnTokens: number;
  /** A lane that was not served for so long moves up by one, in ms. */
  readonly ageingMs: number;
  /** System messages, or beginnings of plain prompts, whose KV tenants may share. */
  readonly sharedPrefixes: readonly string[];
}

export const defaultScheduling: Scheduling = {
  policy: "fair",
  targetItl: { kind: "times", times: 3 },
  cacheMemory: 2 ** 30,
  maxQueuedRequests: 512,
  maxQueuedTokens: 1_000_000,
  turnTokens: 32,
  ageingMs: 5000,
  sharedPrefixes: [],
};
