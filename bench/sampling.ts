import { parseArgs } from "node:util";
import { defaultPlan } from "../src/core/execution-plan.ts";
import type { Sampling } from "../src/core/generation.ts";
import { openEngine } from "../src/engine/open.ts";
import { silenceNativeLog } from "../src/engine/llama/native-log.ts";
import { threadsForThisMachine } from "../src/host/cpu-quota.ts";
import { keyedUniform } from "../src/inference/keyed-random.ts";
import { createSampler } from "../src/inference/sampler.ts";
import { exactDistribution, filteredDistribution, someSampling, totalVariation } from "../src/inference/testing.ts";
import type { TokenHistory } from "../src/scheduler/sequence.ts";
import { testModel } from "../test/models.ts";
import { NativeChain } from "../test/native-chain.ts";
import { show, summarize } from "../src/bench/statistics.ts";

const kinds: Record<string, Sampling> = {
  greedy: someSampling({ temperature: 0 }),
  "temperature 0.8, top-p 0.95": someSampling({ temperature: 0.8, topP: 0.95 }),
  "temperature 1": someSampling(),
  "top-k 40, top-p 0.95": someSampling({ topK: 40, topP: 0.95 }),
};

const text = `Whoever measures a program should say on which machine, how often, and what else ran beside it. The median of
ten runs is worth more than the best of a hundred. def mean(values): return sum(values) / len(values)  # 1, 2, 3`;

/**
 * What one token costs to sample, and how far the distribution is from the exact one and from the native chain's. Logits:
 * a real text's (SmolLM2), those spread over a vocabulary of 262,144, and a nearly flat row of both sizes.
 */
export async function sampling(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { rounds: { type: "string", default: "30" } } });
  const real = await realRows();
  const sets: Record<string, readonly Float32Array[]> = {
    "49,152 logits of a real text": real,
    "262,144 logits as peaked": real.filter((_, i) => i % 4 === 0).map((row) => spread(row, 262_144)),
    "49,152 nearly flat": [flat(49_152)],
    "262,144 nearly flat": [flat(262_144)],
  };
  for (const [title, rows] of Object.entries(sets)) {
    console.log(`\n${title}: ms per token, median [interval]`);
    const times = measure(rows, Number(values.rounds));
    for (const [name, list] of times) console.log(`  ${name.padEnd(38)} ${show(summarize(list), 3)}`);
  }
  console.log("\ntotal variation at temperature 0.8, top-p 0.95, mean and largest over rows");
  for (const [title, rows] of Object.entries(sets)) console.log(`  ${title.padEnd(38)} ${distances(rows)}`);
}

/** One figure per round and kind: the mean over rows. The kinds take turns. */
function measure(rows: readonly Float32Array[], rounds: number): Map<string, number[]> {
  const history: { -readonly [K in keyof TokenHistory]: TokenHistory[K] } = {
    tokens: new Int32Array(4096),
    length: 0,
    promptLength: 0,
  };
  const samplers = Object.entries(kinds).map(([name, kind]) => ({ name, sample: createSampler(kind, 0) }));
  const times = new Map<string, number[]>(samplers.map(({ name }) => [name, []]));
  const passes = Math.ceil(64 / rows.length);
  const warmUp = Math.ceil(3000 / (passes * rows.length)); // as many tokens as the compiler takes to settle
  for (let round = -warmUp; round < rounds; round++) {
    for (const { name, sample } of samplers) {
      const begin = performance.now();
      for (let pass = 0; pass < passes; pass++) {
        for (const row of rows) {
          sample(row, history);
          history.length = (history.length + 1) % 4096;
        }
      }
      const elapsed = performance.now() - begin;
      if (round >= 0) times.get(name)!.push(elapsed / (passes * rows.length));
    }
  }
  return times;
}

function distances(rows: readonly Float32Array[]): string {
  const kind = kinds["temperature 0.8, top-p 0.95"]!;
  using chain = new NativeChain(rows[0]!.length, kind);
  const pairs = rows.map((row) => {
    const exact = exactDistribution(row, kind);
    const native = chain.distribution(row);
    const ours = filteredDistribution(row, kind);
    return [totalVariation(ours, native), totalVariation(ours, exact), totalVariation(native, exact)] as const;
  });
  const both = (index: 0 | 1 | 2): string => {
    const list = pairs.map((pair) => pair[index]);
    const mean = list.reduce((a, b) => a + b) / list.length;
    return `${mean.toExponential(1)}, ${Math.max(...list).toExponential(1)}`;
  };
  return `to the native chain ${both(0)}; to the exact one ${both(1)} (native to exact ${both(2)})`;
}

async function realRows(): Promise<Float32Array[]> {
  silenceNativeLog();
  const plan = { ...defaultPlan(await testModel("smollm2"), threadsForThisMachine().threads), slots: 1 };
  using engine = openEngine({ engine: "llama", plan });
  const tokens = engine.vocabulary.tokenize(text, { parseSpecial: false, addSpecial: true });
  const output = engine.step([{ slot: 0, tokens, from: 0, count: tokens.length, outputs: "all" }]);
  const rows = Array.from(tokens, (_, at) => output.logits(0, at).slice());
  return rows.slice(16); // after fewer tokens a model knows nothing yet: no prompt of a chat is as short
}

/** The row at random places of a larger one; the rest are its tokens again, so much lower that it stays as peaked. */
function spread(row: Float32Array, size: number): Float32Array {
  const larger = Float32Array.from({ length: size }, (_, i) =>
    i < row.length ? row[i]! : row[Math.floor(uniform(i, 0) * row.length)]! - 6,
  );
  for (let i = size - 1; i > 0; i--) {
    const other = Math.floor(uniform(i, 2) * (i + 1));
    [larger[i], larger[other]] = [larger[other]!, larger[i]!];
  }
  return larger;
}

function flat(size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => 2 * uniform(i, 3));
}

const uniform = (i: number, purpose: number): number => keyedUniform(42, purpose, i);
