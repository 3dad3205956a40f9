import fc from "fast-check";
import { lanes, type Lane } from "../../core/generation.ts";
import { policyNames, type InterTokenTarget, type PolicyName } from "../../core/scheduling.ts";
import { newSequence, nothingForced, type Sequence } from "../sequence.ts";
import { Simulation, type Stage } from "../simulation/testing.ts";
import { checksum, END } from "../toy-engine/testing.ts";

/** The kinds of memory: any part can be reused; cuts are refused; cuts are silently wrong; only fresh slots can be cut. */
const memories = ["any", "refuses", "spoils", "in-place"] as const;

interface ScheduleMachine {
  readonly slots: number;
  readonly prefillTokens: number;
  readonly cacheMemory: number;
  readonly turnTokens: number;
  readonly policy: PolicyName;
  readonly targetItl: InterTokenTarget;
  readonly ageingMs: number;
  readonly memory: (typeof memories)[number];
  readonly kvReuse: boolean;
  /** The first tokens of stem 0 that tenants share. */
  readonly shared: number;
}

interface Arrival {
  /** Steps after the one before. */
  readonly after: number;
  readonly tenant: number;
  readonly lane: Lane;
  /** The prompt: the first tokens of one of three stems, or all of an earlier request's; and some of its own. */
  readonly stem: number;
  readonly stemLength: number;
  readonly continues: number | undefined;
  readonly tail: readonly number[];
  readonly room: number;
  /** Tokens of its answer that it brings: its engine died, and it goes on. */
  readonly sent: number;
  /** Steps after which its reader takes the next token; 0 = it takes all at once. */
  readonly pace: number;
  readonly timeoutMs: number;
  /** Cancelled after so many steps in that stage. */
  readonly cancel: { readonly stage: Stage; readonly steps: number } | undefined;
}

export interface Schedule {
  readonly machine: ScheduleMachine;
  readonly arrivals: readonly Arrival[];
}

const machine: fc.Arbitrary<ScheduleMachine> = fc.record({
  slots: fc.integer({ min: 1, max: 8 }),
  prefillTokens: fc.oneof(fc.integer({ min: 5, max: 64 }), fc.constant(512)),
  // A token takes 8 bytes.
  cacheMemory: fc.oneof(fc.constant(0), fc.integer({ min: 300, max: 4000 }), fc.constant(1e6)),
  turnTokens: fc.nat(8),
  policy: fc.constantFrom(...policyNames),
  targetItl: fc.constantFrom<InterTokenTarget[]>({ kind: "off" }, { kind: "times", times: 3 }, { kind: "ms", ms: 10 }),
  ageingMs: fc.constantFrom(20, 300, 5000),
  memory: fc.oneof(fc.constant("any" as const), fc.constantFrom(...memories)),
  kvReuse: fc.oneof({ weight: 8, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  shared: fc.constantFrom(0, 0, 20, 60),
});

const stages: readonly Stage[] = ["queued", "following", "preempted", "prefill", "decode", "leading", "resumed"];

const arrival: fc.Arbitrary<Arrival> = fc.record({
  after: fc.oneof(fc.constant(0), fc.nat(12)),
  tenant: fc.nat(2),
  lane: fc.constantFrom(...lanes),
  stem: fc.nat(2),
  stemLength: fc.oneof(fc.nat(120), fc.constant(100)),
  continues: fc.option(fc.nat(10), { nil: undefined, freq: 3 }),
  tail: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 40 }),
  room: fc.integer({ min: 1, max: 30 }),
  sent: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(20) }),
  pace: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 4 })),
  timeoutMs: fc.oneof({ weight: 5, arbitrary: fc.constant(Infinity) }, { weight: 1, arbitrary: fc.nat(600) }),
  cancel: fc.option(fc.record({ stage: fc.constantFrom(...stages), steps: fc.nat(4) }), { nil: undefined, freq: 3 }),
});

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  machine,
  arrivals: fc.array(arrival, { minLength: 1, maxLength: 14 }),
});

/** Tenant 2 weighs more. */
const weights = [1, 1, 4];
/** All stems begin alike. */
const commonStem = 24;
const longestContext = 2048;

/** Runs a schedule to its end, with all that `Simulation` checks. Whatever goes wrong is thrown with the trace. */
export function runSchedule(schedule: Schedule) {
  const simulation = simulationOf(schedule.machine);
  try {
    return play(schedule, simulation);
  } catch (error) {
    const { message } = error as Error;
    throw new Error([message, ...simulation.lines, "... and in the step after that"].join("\n"), { cause: error });
  }
}

function simulationOf({ slots, prefillTokens, memory, kvReuse, shared, ...scheduling }: ScheduleMachine): Simulation {
  return new Simulation({
    plan: { slots, kvReuse },
    scheduling,
    prefillTokens,
    shared: stemTokens(0, shared),
    capabilities: { trimInPlace: memory === "any" || memory === "in-place", trimAfterRestore: memory === "any" },
    forbiddenCuts: memory === "refuses" ? "refused" : "spoil",
  });
}

function play({ machine, arrivals }: Schedule, simulation: Simulation) {
  const sequences: Sequence[] = [];
  const inStage = arrivals.map(() => 0);
  let next = 0;
  let quiet = 0;
  let most = 500;
  while (next < arrivals.length || !simulation.isIdle) {
    for (; next < arrivals.length && arrivals[next]!.after <= quiet; next++, quiet = 0) {
      const sequence = sequenceOf(arrivals[next]!, { id: `${next}`, machine, earlier: sequences, now: simulation.now });
      sequences.push(sequence);
      simulation.add(sequence, arrivals[next]!.tenant);
      // Each turn computes all of the prompt at worst, and gives a token.
      const { room, pace } = arrivals[next]!;
      most += (room + 1) * (2 + pace + Math.ceil(sequence.limit / 4));
    }
    sequences.forEach((sequence, index) => {
      const { cancel, pace } = arrivals[index]!;
      const isThere = cancel !== undefined && simulation.stagesOf(sequence).has(cancel.stage);
      if (isThere && inStage[index]!++ === cancel.steps) simulation.cancel(sequence);
      if (simulation.steps % pace === 0) sequence.credit++;
    });
    quiet++;
    simulation.step();
    if (simulation.steps > most) throw new Error(`somebody starves: ${simulation.steps} steps and no end`);
  }
  return { steps: simulation.steps, filled: simulation.filled, sequences, lines: simulation.lines };
}

interface Setting {
  readonly id: string;
  readonly machine: ScheduleMachine;
  readonly earlier: readonly Sequence[];
  readonly now: number;
}

function sequenceOf(arrival: Arrival, { id, machine, earlier, now }: Setting): Sequence {
  const { tenant, lane, stem, stemLength, continues, tail, room, pace, timeoutMs } = arrival;
  const before = continues === undefined ? undefined : earlier[earlier.length - 1 - continues];
  const begun = before?.tokens.slice(0, before.length) ?? stemTokens(stem, stemLength);
  const prompt = Int32Array.of(...begun, ...tail).slice(-(longestContext - room));
  const isShared = stem === 0 && stemLength >= machine.shared;
  const sequence = newSequence({
    id,
    tenant: { name: `tenant ${tenant}`, weight: weights[tenant]! },
    lane,
    arrived: now,
    deadline: now + timeoutMs,
    prompt,
    limit: prompt.length + room,
    credit: pace === 0 ? Infinity : 1,
    boundaries: [...new Set([40, 80, begun.length, prompt.length])]
      .filter((at) => at > 0 && at <= prompt.length)
      .toSorted((a, b) => a - b),
    sharedLength: before?.sharedLength ?? (isShared ? machine.shared : 0),
    sample: (logits) => logits[0]!,
    forced: nothingForced,
    endsGeneration: (token) => token === END,
  });
  for (let sent = 0; sent < arrival.sent && sequence.length < sequence.limit - 1; sent++) {
    const token = checksum(sequence.tokens.subarray(0, sequence.length));
    if (token === END) break;
    sequence.tokens[sequence.length++] = token;
  }
  return sequence;
}

function stemTokens(stem: number, length: number): Int32Array {
  return Int32Array.from({ length }, (_, at) => 1 + ((at * 7 + (at < commonStem ? 0 : stem)) % 15));
}
