import type { Engine } from "../../src/engine/engine.ts";
import type { Kill } from "./chaos-run.ts";
import { recomputingMs } from "./yardsticks.ts";

/** What a recovery may take beyond the start of an engine process and the computing of what was lost, in ms. */
const allowanceMs = 500;

/** How long the streams stood still, and how long they might have: engine start + recompute + 0.5 s. */
export function reportRecovery(engine: Engine, kills: readonly Kill[], startMs: number): void {
  const recomputes = kills.map(({ histories }) => recomputingMs(engine, histories));
  const beyond = kills.flatMap(({ recoveryMs }, i) =>
    recoveryMs.map((ms) => ms - (startMs + recomputes[i]! + allowanceMs)),
  );
  const tokens = kills.map(({ histories }) => histories.reduce((sum, { length }) => sum + length, 0));
  console.log(`  from the kill until: the server knows ${spread(kills.map(({ noticedMs }) => noticedMs))}`);
  console.log(`    the next process is ready ${spread(kills.map(({ readyMs }) => readyMs))}`);
  console.log(`    the first stream goes on ${spread(kills.map(({ recoveryMs }) => Math.min(...recoveryMs)))}`);
  console.log(`    the last stream goes on ${spread(kills.map(({ recoveryMs }) => Math.max(...recoveryMs)))}`);
  console.log(`    a stream goes on: ${spread(kills.flatMap(({ recoveryMs }) => recoveryMs))}`);
  console.log(
    `  yardsticks: an undisturbed start ${startMs.toFixed(0)}, computing what was lost ${spread(recomputes)}`,
  );
  console.log(`    of ${spread(tokens)} tokens of all streams`);
  const bounds = recomputes.map((ms) => startMs + ms + allowanceMs);
  console.log(
    `  the bound, start + computing + ${allowanceMs}: ${spread(bounds)}; recoveries beyond their own: p95 ${percentile(beyond, 0.95).toFixed(0)} ms`,
  );
}

/** In ms. */
function spread(values: readonly number[]): string {
  const [p50, p95, most] = [0.5, 0.95, 1].map((part) => percentile(values, part).toFixed(0));
  return `p50 ${p50}, p95 ${p95}, most ${most}`;
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
}
