import { expect, test } from "vitest";
import { ThreadGovernor } from "./thread-governor.ts";

/** A machine in numbers: how long a step takes with so many threads beside so many busy neighbours. */
interface Machine {
  readonly cores: number;
  /** A step at a moment when a barrier waits for a core takes this many times as long. */
  readonly penalty: number;
  /** Spread of the durations of equal steps (standard deviation of their logarithm). */
  readonly noise: number;
}

interface Phase {
  readonly seconds: number;
  /** Cores that neighbours keep busy: all of the time, or this share of the steps. */
  readonly busy: number;
  readonly share?: number;
  /** Everything is this many times slower, whatever the threads. */
  readonly slow?: number;
}

const twoCores: Machine = { cores: 2, penalty: 8, noise: 0.1 };

/** Runs phases of equal decodes of 8 sequences and says, for each, its speed over that of the best fixed count. */
function simulate(machine: Machine, phases: readonly Phase[], governor = new ThreadGovernor(machine.cores)) {
  const random = generator(7);
  let threads = machine.cores;
  let changes = 0;
  let clock = 0;
  const results = phases.map((phase) => {
    const cost = (count: number, hit: boolean): number => {
      const crowded = hit && count > machine.cores - phase.busy;
      return ((20 * (phase.slow ?? 1)) / count ** 0.9) * (crowded ? machine.penalty : 1);
    };
    const share = phase.busy === 0 ? 0 : (phase.share ?? 1);
    const best = Math.min(
      ...Array.from({ length: machine.cores }, (_, i) => share * cost(i + 1, true) + (1 - share) * cost(i + 1, false)),
    );
    let now = 0;
    let steps = 0;
    for (; now < phase.seconds * 1000; steps++) {
      const noise = Math.exp(machine.noise * (random() + random() + random() + random() - 2) * Math.sqrt(3));
      const milliseconds = cost(threads, random() < share) * noise;
      now += milliseconds;
      clock += milliseconds;
      const settled = governor.settled;
      threads = governor.observe({ tokens: 8, milliseconds, now: clock });
      if (governor.settled !== settled) changes++;
    }
    return { speed: (steps * best) / now, threads: governor.settled };
  });
  return { results, changes };
}

/** Numbers in 0..1, the same in every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("alone it keeps all threads and loses next to nothing to its trials", () => {
  const { results, changes } = simulate(twoCores, [{ seconds: 300, busy: 0 }]);
  expect(results[0]!.speed).toBeGreaterThan(0.98);
  expect(changes).toBe(0);
});

test("noise of a third does not make it flap", () => {
  const { results, changes } = simulate({ ...twoCores, noise: 0.33 }, [{ seconds: 300, busy: 0 }]);
  expect(results[0]!.speed).toBeGreaterThan(0.9);
  expect(changes).toBeLessThan(10);
});

test.each([3, 8, 400])(
  "a neighbour that makes steps %i times as long costs it one thread, and it comes back",
  (penalty) => {
    const { results } = simulate({ ...twoCores, penalty }, [
      { seconds: 10, busy: 0 },
      { seconds: 60, busy: 1 },
      { seconds: 120, busy: 0 },
    ]);
    expect(results.map(({ threads }) => threads)).toEqual([2, 1, 2]);
    expect(results[1]!.speed).toBeGreaterThan(penalty === 400 ? 0.6 : 0.9);
    expect(results[2]!.speed).toBeGreaterThan(0.7);
  },
);

test("it drops a thread within three steps of a catastrophe", () => {
  const governor = new ThreadGovernor(2);
  for (let i = 0; i < 30; i++) governor.observe({ tokens: 8, milliseconds: 10, now: 10 * i });
  const counts = [1, 2, 3].map(() => governor.observe({ tokens: 8, milliseconds: 80, now: 300 }));
  expect(counts).toContain(1);
});

test("a neighbour that was there from the start is found too", () => {
  const { results } = simulate(twoCores, [{ seconds: 30, busy: 1 }]);
  expect(results[0]).toMatchObject({ threads: 1 });
  expect(results[0]!.speed).toBeGreaterThan(0.85);
});

test("beside a neighbour that comes and goes it stays above half of the best", () => {
  const { results } = simulate(twoCores, [
    { seconds: 10, busy: 0 },
    { seconds: 120, busy: 1, share: 0.2 },
  ]);
  expect(results[1]!.speed).toBeGreaterThan(0.5);
});

test("two neighbours on eight cores cost two threads, though one less is no better", () => {
  const { results } = simulate({ cores: 8, penalty: 8, noise: 0.1 }, [
    { seconds: 5, busy: 0 },
    { seconds: 60, busy: 2 },
    { seconds: 120, busy: 0 },
  ]);
  expect(results.map(({ threads }) => threads)).toEqual([8, 6, 8]);
  expect(results[1]!.speed).toBeGreaterThan(0.8);
});

test("when everything is slower, fewer threads are no answer", () => {
  const { results, changes } = simulate(twoCores, [
    { seconds: 10, busy: 0 },
    { seconds: 60, busy: 0, slow: 5 },
    { seconds: 60, busy: 0 },
  ]);
  expect(results.map(({ threads }) => threads)).toEqual([2, 2, 2]);
  expect(changes).toBeLessThanOrEqual(2);
});

test("a step of another size is no reason to worry", () => {
  const governor = new ThreadGovernor(4);
  let changes = 0;
  for (let i = 0; i < 500; i++) {
    const tokens = i % 10 === 0 ? 512 : 8;
    governor.observe({ tokens, milliseconds: tokens, now: 10 * i });
    if (governor.settled !== 4) changes++;
  }
  expect(changes).toBe(0);
});

test("with one thread there is nothing to decide", () => {
  const governor = new ThreadGovernor(1);
  for (let i = 0; i < 100; i++)
    expect(governor.observe({ tokens: 1, milliseconds: i % 7 === 0 ? 3000 : 5, now: i })).toBe(1);
});

test("bursts of prefills and decodes of changing sizes keep all threads", () => {
  const governor = new ThreadGovernor(2);
  const random = generator(3);
  let threads = 2;
  let now = 0;
  let wasted = 0;
  for (let burst = 0; burst < 40; burst++) {
    const sizes = [512, 512, ...Array.from({ length: 60 }, (_, i) => (i < 40 ? 8 : i < 50 ? 5 : 3))];
    for (const tokens of sizes) {
      const alone = tokens === 512 ? 300 : 8 + tokens;
      const milliseconds = alone * (2 / threads) ** 0.9 * (0.9 + 0.2 * random()) * (random() < 0.01 ? 8 : 1);
      if (threads === 1) wasted++;
      now += milliseconds;
      threads = governor.observe({ tokens, milliseconds, now });
    }
    now += 5000; // nobody asks
  }
  expect(wasted).toBeLessThan(0.1 * 40 * 62);
  expect(governor.settled).toBe(2);
});

test("prompts give up threads for a neighbour, and not because few decodes do as well with fewer", () => {
  for (const [ofOneThread, forPrefill] of [
    [0.8, 2],
    [0.3, 1],
  ] as const) {
    const governor = new ThreadGovernor(2);
    for (let step = 0; step < 1000 && governor.settled === 2; step++)
      governor.observe({ tokens: 1, milliseconds: governor.next === 1 ? 10 * ofOneThread : 10, now: 10 * step });
    expect([governor.settled, governor.forPrefill]).toEqual([1, forPrefill]);
  }
});

test("a limit holds at once, during a trial too, and ends it", () => {
  const governor = new ThreadGovernor(4);
  for (let step = 0; governor.settled === governor.next; step++)
    governor.observe({ tokens: 8, milliseconds: 20, now: 1000 * step });
  governor.limit = 2;
  expect([governor.settled, governor.next, governor.forPrefill]).toEqual([2, 2, 2]);
  governor.limit = 4;
  expect([governor.settled, governor.next, governor.forPrefill]).toEqual([4, 4, 4]);
});

test("who had given up threads to a neighbour does not get them by a higher limit", () => {
  const governor = new ThreadGovernor(4);
  governor.limit = 3;
  const machine = { ...twoCores, cores: 4 };
  const phases = [
    { seconds: 5, busy: 0 },
    { seconds: 10, busy: 2 },
  ];
  simulate(machine, phases, governor);
  expect([governor.settled, governor.forPrefill]).toEqual([2, 2]);
  governor.limit = 4;
  expect([governor.settled, governor.forPrefill]).toEqual([2, 2]);
  governor.limit = 2;
  governor.limit = 4;
  expect([governor.settled, governor.forPrefill]).toEqual([4, 4]);
});

test("with one thread nothing is tried", () => {
  const governor = new ThreadGovernor(2);
  governor.limit = 1;
  const { changes } = simulate(twoCores, [{ seconds: 20, busy: 1 }], governor);
  expect(changes).toBe(0);
});
