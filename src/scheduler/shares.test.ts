import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Shares, TOKEN_COST } from "./shares.ts";

const tenant = (name: string, weight = 1) => ({ name, weight });
const [a, b, c] = [tenant("a"), tenant("b"), tenant("c")];

describe("counters", () => {
  test("count what was computed, by weight", () => {
    const shares = new Shares();
    shares.charge(a, { prefill: 10, decode: 3 });
    shares.charge(tenant("heavy", 4), { prefill: 10, decode: 3 });
    expect([shares.served("a"), shares.served("heavy")]).toEqual([16, 4]);
  });

  test("of one who comes are lifted to the least of those who wait: idle time earns nothing", () => {
    const shares = new Shares();
    for (const one of [a, b]) shares.activate(one);
    shares.charge(a, { prefill: 5000, decode: 0 });
    shares.charge(b, { prefill: 3000, decode: 0 });
    shares.activate(c);
    expect(shares.served("c")).toBe(3000);
  });

  test("of one who comes back are not lowered: what it had too much is not forgotten", () => {
    const shares = new Shares();
    for (const one of [a, b]) shares.activate(one);
    shares.charge(a, { prefill: 5000, decode: 0 });
    shares.deactivate(a);
    shares.activate(a);
    expect(shares.served("a")).toBe(5000);
  });

  test("are lifted to the last one's when nobody waits", () => {
    const shares = new Shares();
    shares.activate(a);
    shares.deactivate(a);
    shares.charge(a, { prefill: 100, decode: 50 }); // it runs
    shares.activate(b);
    expect(shares.served("b")).toBe(200);
  });

  test("of who is active already are left alone", () => {
    const shares = new Shares();
    for (const one of [a, b]) shares.activate(one);
    shares.charge(b, { prefill: 100, decode: 0 });
    shares.activate(a);
    expect(shares.served("a")).toBe(0);
  });

  test("that would be lifted anyway are forgotten", () => {
    const shares = new Shares();
    for (let index = 0; index < 10_000; index++) {
      const one = tenant(`${index}`);
      shares.activate(one);
      shares.charge(one, { prefill: 1, decode: 0 });
      shares.deactivate(one);
      expect(shares.served(one.name)).toBe(index + 1);
    }
    expect(shares.size).toBeLessThanOrEqual(130);
  });

  test("remember or forget: the same in every order of events", () => {
    const event = fc.record({
      name: fc.nat(200).map((index) => `${index}`),
      kind: fc.constantFrom("activate", "deactivate"),
      prefill: fc.nat(50),
    });
    fc.assert(
      fc.property(fc.array(event, { minLength: 300, maxLength: 1000 }), (events) => {
        const [shares, reference] = [new Shares(), new Reference()];
        for (const { name, kind, prefill } of events) {
          shares[kind](tenant(name));
          reference[kind](name);
          if (kind === "activate") shares.charge(tenant(name), { prefill, decode: 0 });
          if (kind === "activate") reference.charge(name, prefill);
        }
        for (const name of reference.active) expect(shares.served(name)).toBe(reference.counters.get(name));
      }),
      { numRuns: 30 },
    );
  });
});

/** Algorithm 2 word for word: it forgets nothing. */
class Reference {
  readonly counters = new Map<string, number>();
  readonly active = new Set<string>();
  #last = "";

  activate(name: string): void {
    if (this.active.has(name)) return;
    const others = [...this.active].map((other) => this.counters.get(other)!);
    const level = others.length > 0 ? Math.min(...others) : (this.counters.get(this.#last) ?? 0);
    this.counters.set(name, Math.max(this.counters.get(name) ?? 0, level));
    this.active.add(name);
  }

  deactivate(name: string): void {
    if (this.active.delete(name)) this.#last = name;
  }

  charge(name: string, cost: number): void {
    this.counters.set(name, this.counters.get(name)! + cost);
  }
}

describe("theorem 4.4", () => {
  const length = fc.integer({ min: 1, max: 100 });
  const scenario = fc.record({
    slots: fc.integer({ min: 1, max: 6 }),
    /** Prompt tokens of one step for each sequence. */
    chunk: fc.integer({ min: 1, max: 100 }),
    weights: fc.tuple(fc.constantFrom(0.5, 1, 3), fc.constantFrom(1, 2)),
    requests: fc.tuple(
      fc.array(fc.tuple(length, length), { minLength: 1, maxLength: 20 }),
      fc.array(fc.tuple(length, length), { minLength: 1, maxLength: 20 }),
    ),
    /** The third tenant's are few: it comes and goes. */
    visits: fc.array(fc.boolean(), { minLength: 10, maxLength: 50 }),
  });

  test("two that always wait are served alike, within 2 * max(w_p * L_input, w_q * M) in any stretch of time", () => {
    fc.assert(
      fc.property(scenario, ({ slots, chunk, weights, requests, visits }) => {
        const shares = new Shares();
        const both = weights.map((weight, index) => ({ name: `${index}`, weight }));
        for (const one of both) shares.activate(one);
        const work = [0, 0];
        let [most, least] = [0, 0];
        const running: { index: number; prompt: number; answer: number }[] = [];
        const taken = [0, 0];
        for (let step = 0; step < 500; step++) {
          while (running.length < slots) {
            if (visits[step % visits.length] === true) shares.activate(c);
            const index = shares.served("0") <= shares.served("1") ? 0 : 1;
            if (visits[step % visits.length] === true && shares.served("c") < shares.served(`${index}`)) {
              running.push({ index: 2, prompt: 50, answer: 10 });
              shares.deactivate(c);
              continue;
            }
            const [prompt, answer] = requests[index][taken[index]!++ % requests[index].length]!;
            running.push({ index, prompt, answer });
          }
          for (const one of running) {
            const prefill = Math.min(chunk, one.prompt);
            const decode = prefill === 0 ? 1 : 0;
            one.prompt -= prefill;
            one.answer -= decode;
            shares.charge(both[one.index] ?? c, { prefill, decode });
            if (one.index < 2) work[one.index]! += prefill * TOKEN_COST.prefill + decode * TOKEN_COST.decode;
          }
          const ahead = work[0]! / weights[0] - work[1]! / weights[1];
          [most, least] = [Math.max(most, ahead), Math.min(least, ahead)];
          for (let at = running.length - 1; at >= 0; at--) if (running[at]!.answer === 0) running.splice(at, 1);
        }
        const bound = Math.max(TOKEN_COST.prefill * 100, TOKEN_COST.decode * slots * (100 + 100));
        // With weights a counter moves by as much as the work divided by the tenant's own.
        expect(most - least).toBeLessThanOrEqual(bound / weights[0] + bound / weights[1]);
      }),
      { numRuns: 200 },
    );
  });
});
