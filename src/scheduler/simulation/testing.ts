import assert from "node:assert/strict";
import { Mover } from "../apply-move.ts";
import { applyStep, expire } from "../apply-step.ts";
import { planIdleMove, planMove, type Move, type Wait } from "../plan-move.ts";
import { computePlan } from "../compute-plan.ts";
import { planStep } from "../plan-step.ts";
import type { Prefix } from "../prefix-cache.ts";
import { pending, type Sequence } from "../sequence.ts";
import { TOKEN_COST } from "../shares.ts";
import { rowTokens, type StepShape } from "../step-cost.ts";
import { checkConservation, enqueue, removeSequence, type SchedulerState } from "../state.ts";
import { samplesAfter, shapeOf, type PlanItem, type StepPlan } from "../step-plan.ts";
import { aMachine, type Machine } from "../testing.ts";
import { checksum, readSaved, ToyEngine, type ToyOptions } from "../toy-engine/testing.ts";

/** Where a sequence is between two steps. Several may hold at once. */
export type Stage = "queued" | "following" | "preempted" | "prefill" | "decode" | "leading" | "resumed";
export type End = "stop" | "length" | "expired" | "cancelled";

export interface SimulatedMachine extends Machine {
  readonly prefillTokens: number;
  readonly forbiddenCuts?: ToyOptions["forbiddenCuts"];
  /** The beginning of prompts that tenants may share. */
  readonly shared?: Int32Array;
}

/** More moves before one step would mean that slots change hands in circles. */
const movesPerSlot = 4;

/**
 * One engine and one scheduler, stepped as the step loop does, with every promise checked after each step. What happened
 * is told line by line. Time passes as steps cost; a step in which nothing is computed costs 1 ms.
 */
export class Simulation {
  readonly state: SchedulerState;
  readonly engine: ToyEngine;
  readonly ends = new Map<Sequence, End>();
  readonly lines: string[] = [];
  now = 0;
  steps = 0;
  /** Tokens computed only to be forgotten. */
  filled = 0;
  readonly #mover: Mover;
  readonly #prefillTokens: number;
  readonly #shared: Int32Array;
  readonly #owners = new Map<Int32Array, number>();
  readonly #served = new Map<number, number>();
  readonly #admitted = new Set<Sequence>();
  /** Prompt tokens computed in the first turn; no entry any more when that was interrupted. */
  readonly #firstTurns = new Map<Sequence, number>();
  readonly #cached = new Map<Sequence, number>();
  #waits: readonly Wait[] = [];
  #resumed = new Set<Sequence>();
  #notes: string[] = [];

  constructor(machine: SimulatedMachine) {
    const { state } = aMachine(machine);
    this.state = state;
    this.engine = new ToyEngine({
      slots: state.slots.total,
      capabilities: { trimInPlace: true, trimAfterRestore: true, ...machine.capabilities },
      forbiddenCuts: machine.forbiddenCuts ?? "refused",
      ownerOf: (tokens) => this.#owners.get(tokens)!,
    });
    this.#mover = new Mover(state, this.engine);
    this.#prefillTokens = machine.prefillTokens;
    this.#shared = machine.shared ?? new Int32Array(0);
  }

  get isIdle(): boolean {
    return this.state.waiting.length === 0 && this.state.running.length === 0;
  }

  /** `owner`: a number for its tenant. */
  add(sequence: Sequence, owner: number): void {
    this.#owners.set(sequence.tokens, owner);
    this.#admitted.add(sequence);
    enqueue(this.state, sequence);
    const { id, lane, promptLength, limit } = sequence;
    this.#notes.push(`+${id} (tenant ${owner}, ${lane}, ${promptLength} of ${limit})`);
  }

  cancel(sequence: Sequence): void {
    if (!this.#admitted.has(sequence) || this.ends.has(sequence)) return;
    const stages = [...this.stagesOf(sequence)].join(" ");
    removeSequence(this.state, sequence);
    this.#end(sequence, "cancelled");
    this.#notes.push(`cancels ${sequence.id} (${stages})`);
    assert(
      !this.state.running.includes(sequence) && !this.state.waiting.includes(sequence) && sequence.slot === undefined,
    );
  }

  /** Tokens computed for a tenant, as they count for fair shares. */
  servedTo(owner: number): number {
    return this.#served.get(owner) ?? 0;
  }

  stagesOf(sequence: Sequence): Set<Stage> {
    const stages = new Set<Stage>();
    if (!this.#admitted.has(sequence) || this.ends.has(sequence)) return stages;
    if (sequence.slot !== undefined) stages.add(pending(sequence) > 1 ? "prefill" : "decode");
    else if (this.#waits.some((wait) => wait.sequence === sequence)) stages.add("following");
    else stages.add(sequence.cached === undefined ? "queued" : "preempted");
    if (this.#waits.some(({ on }) => on === sequence)) stages.add("leading");
    if (this.#resumed.has(sequence)) stages.add("resumed");
    return stages;
  }

  step(): void {
    this.steps++;
    const { state, now } = this;
    for (const { sequence } of expire(state, now)) this.#end(sequence, "expired");
    this.#move();
    const plan = planStep(state, {
      limits: { prefillTokens: this.#prefillTokens },
      waits: this.#waits,
      spentMs: 0,
      now,
    });
    if (plan.items.length > 0) this.#compute(plan);
    else this.#idle();
    this.#check();
    if (this.#notes.length > 0) this.lines.push(`step ${this.steps}, ${now.toFixed(1)} ms: ${this.#notes.join("; ")}`);
    this.#notes = [];
  }

  #move(): void {
    const { state, now } = this;
    state.laneAges.present(new Set([...state.waiting, ...state.running].map(({ lane }) => lane)), now);
    this.#resumed = new Set();
    for (let moves = 0; ; moves++) {
      assert(moves <= movesPerSlot * state.slots.total, `slots change hands in circles: ${this.#notes.join("; ")}`);
      const { move, waits } = planMove(state, now);
      this.#waits = waits;
      if (move === undefined) return;
      this.#notes.push(inWords(move));
      if (move.kind === "preempt") this.#firstTurns.delete(move.sequence);
      const started = move.kind === "start" ? move.sequence : move.kind === "preempt" ? move.by : undefined;
      if (started?.cached !== undefined) this.#resumed.add(started);
      this.#mover.apply(move);
      if (started === undefined) continue;
      if (!this.#resumed.has(started)) this.#firstTurns.set(started, 0);
      this.#checkSlots(); // reuse that goes wrong shows here, before anything is computed on it
    }
  }

  #idle(): void {
    this.now++;
    const move = planIdleMove(this.state);
    if (move === undefined) return;
    this.#notes.push(inWords(move));
    this.#mover.apply(move);
  }

  #compute(plan: StepPlan): void {
    const { state, engine } = this;
    const shape = shapeOf(plan);
    const prompts = plan.items.filter(({ sequence }) => pending(sequence) > 1);
    const chunk = prompts.reduce((sum, { count }) => sum + count, 0);
    assert(chunk <= this.#prefillTokens, `${chunk} prefill tokens, where ${this.#prefillTokens} are allowed`);
    for (const { sequence } of plan.items) assert(sequence.credit > 0, `${sequence.id} is computed without credit`);
    const before = engine.computed;
    const output = computePlan(engine, plan);
    const ms = toyMs(shape);
    this.now += ms;
    state.cost.observe(shape, ms);
    for (const item of plan.items) this.#count(item);
    this.#notes.push(
      `computes ${plan.items.map(({ sequence, from, count }) => `${sequence.id}:${from}+${count}`).join(" ")}`,
    );
    const computed = plan.items.reduce((sum, { count }) => sum + count, 0);
    this.filled += plan.fillers.length;
    assert.equal(engine.computed - before, computed + plan.fillers.length);
    const tokens = plan.items.map(({ sequence }) => ({ sequence, before: sequence.length, credit: sequence.credit }));
    const events = applyStep(state, plan, { output, now: this.now });
    for (const { sequence, before, credit } of tokens)
      assert.equal(sequence.credit, credit - (sequence.length - before), `${sequence.id}: tokens without credit`);
    for (const event of events) {
      if (event.type === "finished") this.#end(event.sequence, event.reason);
    }
  }

  #count(item: PlanItem): void {
    const { sequence, from, count } = item;
    const owner = this.#owners.get(sequence.tokens)!;
    const isDecode = count === 1 && samplesAfter(item);
    this.#served.set(owner, this.servedTo(owner) + count * (isDecode ? TOKEN_COST.decode : TOKEN_COST.prefill));
    this.#countFirstTurn(sequence, from, count);
  }

  /** `cached` is what was not computed: so a prompt computed in one turn adds up. */
  #countFirstTurn(sequence: Sequence, from: number, count: number): void {
    const counted = this.#firstTurns.get(sequence);
    if (counted === undefined) return;
    const total = counted + Math.max(0, Math.min(count, sequence.promptLength - from));
    this.#firstTurns.set(sequence, total);
    if (from + count < sequence.promptLength) return;
    assert.equal(sequence.cached! + total, sequence.promptLength, `${sequence.id}: cached ${sequence.cached}`);
    this.#firstTurns.delete(sequence);
  }

  #end(sequence: Sequence, end: End): void {
    assert(this.#admitted.has(sequence) && !this.ends.has(sequence), `${sequence.id} ends twice`);
    this.ends.set(sequence, end);
    this.#notes.push(`${sequence.id} ends (${end})`);
    if (end === "stop" || end === "length") {
      assert.deepEqual(answerOf(sequence), answerAlone(sequence), `${sequence.id}: the answer is not what it is alone`);
    } else {
      const alone = answerAlone(sequence).slice(0, sequence.length - sequence.promptLength);
      assert.deepEqual(answerOf(sequence), alone, `${sequence.id}: its beginning is not what it is alone`);
    }
  }

  #check(): void {
    const { state } = this;
    checkConservation(state);
    state.cache.check([...this.#prefixesInSlots()]);
    this.#checkSlots();
    for (const { place, tokens, length } of state.cache.parked) {
      assert(place.kind === "parked");
      assertBegins(tokens, readSaved(place.saved).tokens, `parked, ${length} tokens`);
      assert.equal(place.saved.length, length);
    }
    for (const sequence of this.#admitted) {
      assert(sequence.credit >= 0, `${sequence.id} has credit ${sequence.credit}`);
      const cached = this.#cached.get(sequence) ?? sequence.cached;
      assert.equal(sequence.cached, cached, `${sequence.id}: cached has changed`);
      if (cached !== undefined) this.#cached.set(sequence, cached);
      const places = [state.waiting, state.running].filter((list) => list.includes(sequence)).length;
      assert.equal(places, this.ends.has(sequence) ? 0 : 1, `${sequence.id} is in ${places} lists`);
    }
  }

  #checkSlots(): void {
    const { engine } = this;
    for (const { place, tokens, length } of this.#prefixesInSlots()) {
      assert(place.kind !== "parked");
      const { slot } = place;
      const held = place.kind === "running" ? place.sequence.computed : length;
      assert.equal(engine.held(slot), held, `slot ${slot} (${place.kind}) holds ${engine.held(slot)} tokens`);
      assertBegins(tokens, engine.tokensIn(slot), `slot ${slot} (${place.kind})`);
      if (place.kind === "running") this.#checkOwners(place.sequence, engine.ownersIn(slot));
    }
  }

  /** Nothing behind what is shared was computed for another tenant. */
  #checkOwners(sequence: Sequence, owners: readonly number[]): void {
    const own = this.#owners.get(sequence.tokens);
    let shared = 0;
    while (shared < this.#shared.length && this.#shared[shared] === sequence.tokens[shared]) shared++;
    const foreign = owners.findIndex((owner, at) => at >= shared && owner !== own);
    assert.equal(foreign, -1, `${sequence.id} of tenant ${own} uses token ${foreign} of tenant ${owners[foreign]}`);
  }

  *#prefixesInSlots(): Generator<Prefix> {
    const { slots } = this.state;
    for (let slot = 0; slot < slots.total; slot++) {
      const prefix = slots.at(slot);
      if (prefix !== undefined) yield prefix;
    }
  }
}

/** As in llama.cpp a pass costs something, four tokens at once little more than one, and each left over as much. */
function toyMs({ runs, prefillTokens, decodes }: StepShape): number {
  const ofRuns = runs.reduce((sum, rows) => sum + 1 + 1.5 * Math.floor(rows / rowTokens) + (rows % rowTokens), 0);
  return 1 + ofRuns + 0.5 * prefillTokens + 0.1 * decodes;
}

function assertBegins(tokens: Int32Array, held: readonly number[], what: string): void {
  const wrong = held.findIndex((token, at) => token !== tokens[at]);
  assert.equal(wrong, -1, `${what}: token ${wrong} is ${held[wrong]}, not ${tokens[wrong]}`);
}

function answerOf({ tokens, promptLength, length }: Sequence): number[] {
  return [...tokens.subarray(promptLength, length)];
}

/** What the toy engine answers to the same prompt in a machine of its own. */
function answerAlone({ tokens, promptLength, limit, endsGeneration }: Sequence): number[] {
  const all = [...tokens.subarray(0, promptLength)];
  do all.push(checksum(all));
  while (!endsGeneration(all.at(-1)!) && all.length < limit);
  return all.slice(promptLength);
}

function inWords(move: Move): string {
  if (move.kind === "back-up") return `back up ${move.prefix.length} tokens`;
  const { kind, sequence } = move;
  if (kind === "preempt") return `${sequence.id} yields to ${move.by.id} at ${sequence.computed} of ${sequence.length}`;
  if (kind === "snapshot") return `${kind} ${sequence.id} at ${sequence.computed} of ${sequence.length}`;
  if (kind === "shift") return `shift ${sequence.id} to ${move.slot}`;
  const { source, length } = move.reuse;
  const place = source?.place;
  const from = place === undefined ? "nothing" : place.kind === "parked" ? "parked" : `${place.kind} in ${place.slot}`;
  return `start ${sequence.id} in ${move.slot} with ${length} (${from})`;
}
