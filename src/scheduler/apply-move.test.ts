import { describe, expect, test } from "vitest";
import { Mover } from "./apply-move.ts";
import { pending, type Sequence } from "./sequence.ts";
import { Simulation } from "./simulation/testing.ts";
import type { Prefix } from "./prefix-cache.ts";
import { enqueue, removeSequence } from "./state.ts";
import { aMachine, aPrompt, aSequence, aTenant } from "./testing.ts";
import { ToyEngine } from "./toy-engine/testing.ts";

const exactMemory = { trimInPlace: false, trimAfterRestore: false };

/** Within a lane in order of arrival, which decides who gets which slot. */
function aSimulation(over: Partial<ConstructorParameters<typeof Simulation>[0]> = {}) {
  return new Simulation({ prefillTokens: 1000, forbiddenCuts: "spoil", scheduling: { policy: "priority" }, ...over });
}

/** Steps until it has ended. */
function serve(simulation: Simulation, ...sequences: Sequence[]): void {
  for (const sequence of sequences) simulation.add(sequence, sequence.tenant.name === "other" ? 1 : 0);
  while (sequences.some((sequence) => !simulation.ends.has(sequence)) && simulation.steps < 1000) simulation.step();
}

function aRequest(prompt: Int32Array, over: Parameters<typeof aSequence>[0] = {}): Sequence {
  return aSequence({ prompt, limit: prompt.length + 1, ...over });
}

function starts(simulation: Simulation): string[] {
  return simulation.lines.flatMap((line) => line.match(/start .*?\)/g) ?? []);
}

/** Its prompt goes on from what the other one holds. */
function after({ tokens, length }: Sequence, more = 20): Int32Array {
  return Int32Array.of(...tokens.subarray(0, length), ...aPrompt(more, { stem: 9 }));
}

describe("what an earlier request left", () => {
  test("is continued in its own slot by the next turn of the conversation", () => {
    const simulation = aSimulation();
    const first = aRequest(aPrompt(50), { id: "first" });
    serve(simulation, first);
    const second = aRequest(after(first), { id: "second" });
    serve(simulation, second);
    expect(starts(simulation)[1]).toBe("start second in 0 with 50 (resting in 0)");
    expect(second.cached).toBe(50);
    expect(simulation.state.slots.resting).toBe(1);
  });

  test("is continued where it rests, and others rest on", () => {
    const simulation = aSimulation();
    const other = aRequest(aPrompt(60, { stem: 1 }), { id: "other", limit: 62, endsGeneration: () => false });
    const conversation = aRequest(aPrompt(50), { id: "turn 1", arrived: 1 });
    serve(simulation, other, conversation);
    expect([simulation.state.slots.at(0)?.length, simulation.state.slots.at(1)?.length]).toEqual([61, 50]);
    serve(simulation, aRequest(after(conversation), { id: "turn 2" }));
    expect(starts(simulation)[2]).toBe("start turn 2 in 1 with 50 (resting in 1)");
    expect([simulation.state.slots.at(0)?.length, simulation.state.slots.at(1)?.length]).toEqual([61, 71]);
    expect(simulation.state.cache.parked.size).toBe(0);
  });

  test("is saved while there is nothing to compute: who takes the slot then need not wait for that", () => {
    const simulation = aSimulation({ plan: { slots: 2 } });
    const first = aRequest(aPrompt(50), { id: "first" });
    serve(simulation, first);
    for (let idle = 0; idle < 5; idle++) simulation.step();
    expect(simulation.lines.filter((line) => line.includes("back up 50 tokens"))).toHaveLength(1);
    expect([simulation.state.slots.resting, simulation.state.cache.parked.size]).toEqual([1, 1]);
    let saves = 0;
    const save = simulation.engine.save.bind(simulation.engine);
    simulation.engine.save = (...args) => {
      saves++;
      return save(...args);
    };
    const others = [1, 2].map((stem) => aRequest(aPrompt(60, { stem }), { id: `other ${stem}` }));
    serve(simulation, ...others);
    expect(saves).toBe(0);
    serve(simulation, aRequest(after(first), { id: "second" }));
    expect(starts(simulation).at(-1)).toMatch(/^start second in \d with 50 \(parked\)$/);
  });

  test("is parked when another takes the slot, and restored when it is asked for again", () => {
    const simulation = aSimulation({ plan: { slots: 1 } });
    const first = aRequest(aPrompt(50));
    serve(simulation, first, aRequest(aPrompt(50, { stem: 3 }), { arrived: 1 }));
    expect(simulation.state.cache.parked.size).toBe(1);
    const again = aRequest(after(first), { id: "again" });
    serve(simulation, again);
    expect(starts(simulation).at(-1)).toBe("start again in 0 with 50 (parked)");
    expect(again.cached).toBe(50);
  });

  test("is dropped when it is short, or when there is no room", () => {
    for (const [length, cacheMemory] of [
      [31, 1e6],
      [50, 100],
      [50, 0],
    ] as const) {
      const simulation = aSimulation({ plan: { slots: 1 }, scheduling: { cacheMemory } });
      serve(simulation, aRequest(aPrompt(length)), aRequest(aPrompt(50, { stem: 3 }), { arrived: 1 }));
      expect(simulation.state.cache.parked.size).toBe(0);
    }
  });

  test("is cut where the prompts part, and parked first if much would be lost", () => {
    const simulation = aSimulation({ plan: { slots: 1 } });
    const long = aRequest(aPrompt(100, { common: 40, tail: 1 }), { id: "long" });
    const short = aRequest(aPrompt(60, { common: 40, tail: 2 }), { id: "short", arrived: 1 });
    serve(simulation, long, short);
    expect(short.cached).toBe(40);
    expect([...simulation.state.cache.parked].map(({ length }) => length)).toEqual([100]);
    const again = aRequest(aPrompt(110, { common: 40, tail: 1 }), { id: "again" });
    serve(simulation, again);
    expect(again.cached).toBe(100);
  });

  test("is of no use to other tenants but within what is shared", () => {
    const simulation = aSimulation();
    serve(simulation, aRequest(aPrompt(50)));
    const foreign = aRequest(aPrompt(50), { tenant: aTenant("other") });
    serve(simulation, foreign);
    expect(foreign.cached).toBe(0);

    const open = aSimulation({ shared: aPrompt(30) });
    serve(open, aRequest(aPrompt(50), { sharedLength: 30 }));
    const guest = aRequest(aPrompt(50), { tenant: aTenant("other"), sharedLength: 30 });
    const stranger = aRequest(aPrompt(50), { tenant: aTenant("third") });
    serve(open, guest);
    serve(open, stranger);
    expect([guest.cached, stranger.cached]).toEqual([30, 0]);
  });

  test("is not kept with reuse turned off", () => {
    const simulation = aSimulation({ plan: { slots: 1, kvReuse: false } });
    const second = aRequest(aPrompt(50), { arrived: 1 });
    serve(simulation, aRequest(aPrompt(50)), second);
    expect([second.cached, simulation.state.slots.free]).toEqual([0, 1]);
  });
});

describe("a common beginning", () => {
  const requests = (count: number, over: Parameters<typeof aSequence>[0] = {}) =>
    Array.from({ length: count }, (_, tail) => {
      const prompt = aPrompt(120, { common: 100, tail });
      return aRequest(prompt, { id: `${tail}`, limit: 124, endsGeneration: () => false, boundaries: [100], ...over });
    });

  test("is computed by one, and taken over by the others while it runs", () => {
    const simulation = aSimulation();
    const all = requests(4);
    serve(simulation, ...all);
    expect(all.map(({ cached }) => cached)).toEqual([0, 100, 100, 100]);
    expect(starts(simulation)[1]).toBe("start 1 in 1 with 100 (running in 0)");
  });

  test("is taken over from a snapshot where memory cannot be cut", () => {
    const simulation = aSimulation({ capabilities: exactMemory });
    const all = requests(3);
    serve(simulation, ...all);
    expect(all.map(({ cached }) => cached)).toEqual([0, 100, 100]);
    expect(starts(simulation)[1]).toBe("start 1 in 1 with 100 (parked)");
  });

  test("is computed by the next when the first is cancelled, from where that came to", () => {
    const simulation = aSimulation({ prefillTokens: 40 });
    const [leader, next, last] = requests(3) as [Sequence, Sequence, Sequence];
    for (const sequence of [leader, next, last]) simulation.add(sequence, 0);
    simulation.step();
    expect([...simulation.stagesOf(leader)]).toEqual(["prefill", "leading"]);
    expect([...simulation.stagesOf(next)]).toEqual(["following"]);
    simulation.cancel(leader);
    simulation.step();
    expect([next.cached, last.cached]).toEqual([40, undefined]);
    simulation.cancel(last);
    serve(simulation);
    while (!simulation.isIdle) simulation.step();
    expect(simulation.ends.get(next)).toBe("length");
  });
});

describe("a preempted sequence", () => {
  test("comes back with all that it had", () => {
    const simulation = aSimulation({ plan: { slots: 1 } });
    const slow = aSequence({ id: "slow", lane: "batch", length: 80, limit: 100, endsGeneration: () => false });
    simulation.add(slow, 0);
    for (let step = 0; step < 3; step++) simulation.step();
    const urgent = aRequest(aPrompt(50, { stem: 4 }), { id: "urgent" });
    serve(simulation, urgent);
    expect([...simulation.stagesOf(slow)]).toEqual(["preempted"]);
    simulation.step();
    expect(starts(simulation).at(-1)).toBe("start slow in 0 with 81 (parked)");
    expect([slow.cached, slow.lost, pending(slow)]).toEqual([0, 0, 1]);
  });

  test("that lost what it had says so until it has it back", () => {
    const simulation = aSimulation({ plan: { slots: 1 }, scheduling: { cacheMemory: 0 }, prefillTokens: 40 });
    const slow = aSequence({ id: "slow", lane: "batch", length: 80 });
    simulation.add(slow, 0);
    simulation.step();
    serve(simulation, aRequest(aPrompt(50, { stem: 4 })));
    simulation.step();
    expect([slow.lost, slow.computed]).toEqual([40, 40]);
  });
});

test("a sequence that moves into a lower slot changes places with what rests there", () => {
  const simulation = aSimulation();
  const short = aRequest(aPrompt(50, { stem: 2 }), { id: "short" });
  const endless = { limit: 100, endsGeneration: () => false };
  const first = aSequence({ id: "first", length: 60, ...endless });
  const long = aSequence({ id: "long", prompt: aPrompt(40, { stem: 3 }), arrived: 2, ...endless });
  simulation.add(first, 0);
  simulation.add(short, 0);
  simulation.add(long, 0);
  while (!simulation.ends.has(short)) simulation.step();
  expect([first.slot, long.slot]).toEqual([0, 2]);
  while (long.slot === 2) simulation.step();
  expect([long.slot, simulation.state.slots.at(2)?.length]).toEqual([1, 50]);
  expect(simulation.engine.tokensIn(2)).toEqual([...short.tokens.subarray(0, 50)]);
});

test("an engine that refuses a copy or a cut gives nothing, and the prompt is computed", () => {
  const { state } = aMachine({ plan: { slots: 2 } });
  const engine = new ToyEngine({ slots: 2, capabilities: exactMemory });
  const mover = new Mover(state, engine);
  const start = (sequence: Sequence, slot: number, source?: Prefix) => {
    enqueue(state, sequence);
    const length = source === undefined ? 0 : 40;
    mover.apply({ kind: "start", sequence, slot, reuse: { source, length, coming: undefined } });
    return [sequence.cached, sequence.computed, engine.held(slot)];
  };
  const first = aSequence({ length: 50 });
  start(first, 0);
  engine.step([{ slot: 0, tokens: first.tokens, from: 0, count: 50, outputs: "last" }]);
  first.computed = 50;
  const copied = aSequence({ length: 60 });
  expect(start(copied, 1, state.slots.at(0))).toEqual([0, 0, 0]);
  removeSequence(state, first);
  removeSequence(state, copied);
  const [source, other] = [state.slots.at(0)!, aSequence({ prompt: aPrompt(60, { stem: 3 }) })];
  start(other, 0); // parks what is there
  expect(source.place.kind).toBe("parked");
  expect(start(aSequence({ length: 70 }), 1, source)).toEqual([0, 0, 0]);
});
