/**
 * Runs random schedules through the scheduler, with fresh seeds, until the time is over or a promise is broken; then it
 * prints the shortest schedule found that breaks it, step by step. Minutes as the first argument, default 10.
 */
import fc from "fast-check";
import { runSchedule, schedules } from "../src/scheduler/schedules/testing.ts";

const minutes = Number(process.argv[2] ?? 10);
if (!(minutes > 0)) throw new Error(`'${process.argv[2]}' is no number of minutes`);
const runsPerSeed = 1000;

const begin = performance.now();
const end = begin + minutes * 60_000;
let runs = 0;
let steps = 0;
let requests = 0;
let told = begin;

const property = fc.property(schedules, (schedule) => {
  const result = runSchedule(schedule);
  runs++;
  steps += result.steps;
  requests += result.sequences.length;
});

while (performance.now() < end) {
  fc.assert(property, { numRuns: runsPerSeed, interruptAfterTimeLimit: Math.max(1, end - performance.now()) });
  if (performance.now() - told < 30_000) continue;
  told = performance.now();
  tell();
}
tell();

function tell(): void {
  const seconds = Math.round((performance.now() - begin) / 1000);
  console.log(`${seconds} s: ${runs} schedules, ${requests} requests, ${steps} steps; every promise was kept`);
}
