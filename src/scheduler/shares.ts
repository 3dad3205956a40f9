import type { Tenant } from "../core/generation.ts";

/** What a token costs its tenant: w_p and w_q of the paper. One that is sampled takes a pass of its own. */
export const TOKEN_COST = { prefill: 1, decode: 2 } as const;

/** Tokens that were computed for a tenant; those that a cache gave are not among them. */
export interface ComputedTokens {
  readonly prefill: number;
  readonly decode: number;
}

const SWEEP_AT_LEAST = 64;

/**
 * Virtual token counters: Sheng et al., "Fairness in Serving Large Language Models" (OSDI 2024), algorithm 2. Each
 * tenant's counter is the weighted tokens that it was served, and who has the least is served next. Then the service of
 * two tenants that both have requests waiting differs, over any time, by at most 2 * max(w_p * longest prompt, w_q *
 * tokens in all slots) (theorem 4.4), each tenant's service being divided by its weight.
 *
 * A tenant is *active* while a request of it waits for a slot, as in the paper: were it while one runs, a tenant that
 * always runs a little would save up time for a burst, and the bound would not hold.
 */
export class Shares {
  readonly #counters = new Map<string, number>();
  readonly #active = new Set<string>();
  /** The tenant that was the last to have something waiting. */
  #lastActive = "";
  #sweepAbove = SWEEP_AT_LEAST;

  /** Tenants that are remembered. */
  get size(): number {
    return this.#counters.size;
  }

  /** The counter, in weighted tokens; for a tenant that is not remembered, the one that it would get now. */
  served(name: string): number {
    return this.#counters.get(name) ?? this.#level();
  }

  charge(tenant: Tenant, { prefill, decode }: ComputedTokens): void {
    const cost = (TOKEN_COST.prefill * prefill + TOKEN_COST.decode * decode) / tenant.weight;
    this.#counters.set(tenant.name, this.served(tenant.name) + cost);
  }

  /** Something of the tenant waits now. Its counter is lifted to the least active one: idle time earns nothing. */
  activate({ name }: Tenant): void {
    if (this.#active.has(name)) return;
    this.#counters.set(name, Math.max(this.served(name), this.#level()));
    this.#active.add(name);
    this.#sweep();
  }

  /** Nothing of the tenant waits any more: it has ended, or has its slot. */
  deactivate({ name }: Tenant): void {
    if (this.#active.delete(name)) this.#lastActive = name;
  }

  /** What a counter is lifted to. It never falls. */
  #level(): number {
    if (this.#active.size === 0) return this.#counters.get(this.#lastActive) ?? 0;
    let least = Infinity;
    for (const name of this.#active) least = Math.min(least, this.#counters.get(name)!);
    return least;
  }

  /** Forgets counters that would be lifted anyway. At twice the size it left, so that it costs each call next to nothing. */
  #sweep(): void {
    if (this.#counters.size <= this.#sweepAbove) return;
    const level = this.#level();
    for (const [name, counter] of this.#counters) {
      if (counter <= level && !this.#active.has(name) && name !== this.#lastActive) this.#counters.delete(name);
    }
    this.#sweepAbove = Math.max(SWEEP_AT_LEAST, 2 * this.#counters.size);
  }
}
