import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { mergeIntoFile, mergeResults, readResults } from "./results.ts";
import { reportOf, tableOf } from "./targets/report.ts";
import { aRow, aSample } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-results-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("what is measured in pieces comes together in one file, and a row that is measured again replaces itself", () => {
  const file = join(folder, "pieces.json");
  expect(mergeIntoFile(file, {})).toEqual({ rows: [] });
  const [first, again, second] = [aRow(), aRow({ facts: { seed: 2 } }), aRow({ number: 2 })];
  mergeIntoFile(file, { rows: [second] });
  mergeIntoFile(file, { rows: [first] });
  const predictions = { facts: {}, steps: [{ kind: "both", predicted: 10, measured: 11 }] };
  mergeIntoFile(file, { predictions });
  expect(mergeIntoFile(file, { rows: [again] })).toEqual({ rows: [again, second], predictions });
  expect(readResults(file)).toEqual({ rows: [again, second], predictions });
});

test("what a file gives is what was measured, to the microsecond", () => {
  const file = join(folder, "figures.json");
  const unknown = aSample({ cachedTokens: undefined, problem: "timeout", e2e: 1.23456 });
  const variants = { millrace: [{ metrics: { p50_ttft_ms: NaN }, loads: { clients: [unknown] } }] };
  mergeIntoFile(file, { rows: [aRow({ variants })] });
  const loads = { clients: [{ ...unknown, e2e: 1.235 }] };
  expect(readResults(file).rows[0]!.variants).toEqual({ millrace: [{ metrics: { p50_ttft_ms: NaN }, loads }] });
});

test("a file of something else is left as it is", () => {
  const file = join(folder, "other.json");
  for (const text of ['{"rows":[{"row":1}]}', "no JSON"]) {
    writeFileSync(file, text);
    expect(() => mergeIntoFile(file, { rows: [aRow()] })).toThrow(`${file} holds no results`);
  }
  expect(() => readResults(join(folder, "missing.json"))).toThrow("holds no results");
});

test("the table has a line for each promise of all rows", () => {
  const failures = { of: "failures", values: [2], unit: "in all rounds", target: { atMost: 0 } } as const;
  const unmeasured = { ...failures, of: "memory", values: [] };
  const { rows } = mergeResults(
    { rows: [aRow({ number: 4, requirements: [failures, unmeasured] })] },
    { rows: [aRow()] },
  );
  expect(tableOf(rows).split("\n")).toEqual([
    "| # | what                   | target | measured            | verdict      | rounds |",
    "| - | ---------------------- | ------ | ------------------- | ------------ | ------ |",
    "| 1 | tokens/s of the bound  | ≥ 0.90 | 0.95 [0.95 .. 0.95] | ok           | 1      |",
    "| 4 | failures in all rounds | ≤ 0.00 | 2.00 [2.00 .. 2.00] | MISSED       | 1      |",
    "| 4 | memory in all rounds   | ≤ 0.00 | -                   | not measured | 1      |",
  ]);
  expect(reportOf(rows[0]!)).toBe(
    "  p50_ttft_ms            millrace 100 [100 .. 100]\ntokens/s of the bound: 0.95 [0.95 .. 0.95] (target ≥ 0.90) ok",
  );
});
