import { parseArgs } from "node:util";
import { machineFacts } from "../src/bench/machine.ts";
import { distributionOf } from "../src/bench/percentiles.ts";
import { summarize } from "../src/bench/statistics.ts";
import { defaultPlan } from "../src/core/execution-plan.ts";
import type { BatchItem, Engine, SavedSequence } from "../src/engine/engine.ts";
import { silenceNativeLog } from "../src/engine/llama/native-log.ts";
import { openEngine } from "../src/engine/open.ts";
import { threadsForThisMachine } from "../src/host/cpu-quota.ts";
import { keyedUniform } from "../src/inference/keyed-random.ts";
import { contextOf, StepCost, type StepShape } from "../src/scheduler/step-cost.ts";
import { mergeIntoFile, type Prediction } from "./results.ts";
import { modelOfType } from "./smollm2.ts";

/** `count` tokens of a slot's sequence after the first `from`; one is a decode, more are a prompt. */
interface Stretch {
  readonly slot: number;
  readonly from: number;
  readonly count: number;
}

const mostDecodes = 8;
const longest = 1500;
const chunks = [8, 16, 24, 32, 48, 64, 65, 96, 128, 129, 192, 256, 512];

/**
 * What steps cost on the real engine, by shape, and how well the cost model of the scheduler predicts a step of a random
 * shape from those before it. `--json FILE` puts the predictions beside what the file holds.
 */
export async function stepCost(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      type: { type: "string", default: "q4_0" },
      steps: { type: "string", default: "200" },
      rounds: { type: "string", default: "3" },
      "flash-attention": { type: "string", default: "auto" },
      json: { type: "string" },
    },
  });
  silenceNativeLog();
  const flashAttention = (["auto", "on", "off"] as const).find((known) => known === values["flash-attention"]);
  if (flashAttention === undefined) throw new Error("--flash-attention is auto, on or off");
  const plan = {
    ...defaultPlan(await modelOfType(values.type), threadsForThisMachine().threads),
    slots: mostDecodes + 1,
    flashAttention,
  };
  using engine = openEngine({ engine: "llama", plan });
  const bench = new Steps(engine, Number(values.rounds));
  bench.measure([{ slot: 0, from: 0, count: 512 }]); // warms up
  printPrefill(bench);
  printDecode(bench);
  const steps = predict(bench, Number(values.steps));
  printPrediction(steps);
  const facts = { ...machineFacts(), type: values.type };
  if (values.json !== undefined) mergeIntoFile(values.json, { predictions: { facts, steps } });
}

/** Runs steps of any shape: each slot is first made to hold what the stretch continues. */
class Steps {
  readonly #engine: Engine;
  readonly #rounds: number;
  readonly #tokens = Int32Array.from({ length: 2048 }, (_, i) => 100 + ((i * 7919) % 30_000));
  readonly #saved: SavedSequence;

  constructor(engine: Engine, rounds: number) {
    this.#engine = engine;
    this.#rounds = rounds;
    for (let from = 0; from < longest; from += 500) this.measure([{ slot: 0, from, count: 500 }]);
    this.#saved = engine.save(0);
  }

  /** Ms of one step. */
  measure(stretches: readonly Stretch[]): number {
    for (const { slot, from } of stretches) {
      if (this.#engine.held(slot) < from) this.#engine.restore(slot, this.#saved);
      this.#engine.trim(slot, from);
    }
    const batch = stretches.map((stretch): BatchItem => ({
      ...stretch,
      tokens: this.#tokens,
      outputs: stretch.count === 1 ? "last" : "none",
    }));
    const begin = performance.now();
    const { status } = this.#engine.step(batch);
    if (status !== "done") throw new Error(`a step is ${status}`);
    return performance.now() - begin;
  }

  /** Median of a few. */
  median(stretches: readonly Stretch[]): number {
    return summarize(Array.from({ length: this.#rounds }, () => this.measure(stretches))).median;
  }
}

function printPrefill(bench: Steps): void {
  console.log("\nprefill tok/s by tokens of a step; beside 4 decodes: of the time that the decodes alone do not take");
  console.log(row("", chunks));
  const four = decodesOf([0, 1, 2, 3], 500);
  for (const from of [0, 1000]) {
    const rates = chunks.map((count) => (1000 * count) / bench.median([{ slot: 0, from, count }]));
    console.log(row(`after ${from} tokens`, rates));
    const alone = bench.median(four);
    const beside = chunks.map((count) => (1000 * count) / (bench.median([...four, { slot: 4, from, count }]) - alone));
    console.log(row(`after ${from}, beside 4 decodes`, beside));
  }
}

function printDecode(bench: Steps): void {
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8];
  console.log("\ndecode: ms of a step by sequences");
  console.log(row("", sizes));
  for (const from of [64, 512, longest]) {
    const times = sizes.map((size) => bench.median(decodesOf([...Array(size).keys()], from)));
    console.log(row(`after ${from} tokens`, times, 1));
  }
  for (const slots of [
    [0, 1, 2, 3],
    [0, 1, 2, 5],
    [0, 2, 4, 6],
  ]) {
    console.log(row(`slots ${slots.join(", ")} after 512`, [bench.median(decodesOf(slots, 512))], 1));
  }
}

/** Of the second half of the steps; the first half is to learn from. */
function predict(bench: Steps, steps: number): Prediction[] {
  const cost = new StepCost();
  const predictions: Prediction[] = [];
  let observing = 0;
  for (let step = 0; step < steps; step++) {
    const stretches = someStretches(step);
    const shape = shapeOf(stretches);
    const measured = bench.measure(stretches);
    const kind = shape.prefills === 0 ? "decodes" : shape.decodes === 0 ? "a prompt" : "both";
    if (step >= steps / 2) predictions.push({ kind, predicted: cost.predict(shape), measured });
    const begin = performance.now();
    cost.observe(shape, measured);
    observing += performance.now() - begin;
  }
  console.log(`\nobserving a step: ${((1000 * observing) / steps).toFixed(1)} µs`);
  return predictions;
}

function printPrediction(predictions: readonly Prediction[]): void {
  console.log("\nprediction, second half of the steps: mean and p90 of the relative error, median with its sign");
  for (const kind of [...new Set(predictions.map((one) => one.kind)), "all"]) {
    const list = predictions.filter((one) => kind === "all" || one.kind === kind);
    const errors = list.map(({ predicted, measured }) => predicted / measured - 1);
    const { mean, p90 } = distributionOf(errors.map(Math.abs));
    console.log(row(kind, [mean, p90, summarize(errors).median], 3));
  }
}

/** 0..8 decodes and, in two steps of three, 8..512 tokens of a prompt. */
function someStretches(step: number): Stretch[] {
  const pick = (purpose: number, least: number, most: number): number =>
    least + Math.floor(keyedUniform(7, purpose, step) * (most - least + 1));
  const kind = pick(0, 0, 2);
  const decodes = kind === 0 ? 0 : pick(1, 1, mostDecodes);
  const stretches = Array.from({ length: decodes }, (_, slot) => ({
    slot,
    from: pick(10 + slot, 64, longest),
    count: 1,
  }));
  const count = Math.round(8 * 64 ** keyedUniform(7, 2, step));
  return kind === 1 ? stretches : [...stretches, { slot: decodes, from: pick(3, 0, longest), count }];
}

function decodesOf(slots: readonly number[], from: number): Stretch[] {
  return slots.map((slot) => ({ slot, from, count: 1 }));
}

function shapeOf(stretches: readonly Stretch[]): StepShape {
  const sum = (list: readonly Stretch[], of: (stretch: Stretch) => number): number =>
    list.reduce((total, stretch) => total + of(stretch), 0);
  const prompts = stretches.filter(({ count }) => count > 1);
  const decodes = stretches.filter(({ count }) => count === 1);
  return {
    prefills: prompts.length,
    prefillTokens: sum(prompts, ({ count }) => count),
    prefillContext: sum(prompts, ({ from, count }) => contextOf(from, count)),
    decodes: decodes.length,
    singleContext: sum(decodes, ({ from }) => from),
    runs: decodes.length === 0 ? [] : [decodes.length + prompts.length],
  };
}

function row(name: string, values: readonly number[], digits = 0): string {
  return `  ${name.padEnd(28)}${values.map((value) => value.toFixed(digits).padStart(7)).join("")}`;
}
