import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { damagedModels, wholeModel } from "../../src/model/damage/testing.ts";
import { buildGguf } from "../../src/model/testing.ts";
import { testModel } from "../models.ts";
import { tryModels, type Finding } from "./damaged-models.ts";

test("a server loads damaged models or says what is wrong with each, and answers all the time", async () => {
  const whole = buildGguf(wholeModel);
  const files = [whole, ...fc.sample(damagedModels(), { numRuns: 40, seed: 1 }), whole];
  const findings: Finding[] = [];
  await tryModels(whole, files, (finding) => findings.push(finding));
  expect(findings).toHaveLength(files.length);
  expect([findings[0], findings.at(-1)]).toMatchObject([{ outcome: "served" }, { outcome: "served" }]);
  const named = {
    refused: /damaged\.gguf: .{10}/,
    rejected: /llama\.cpp .*: .{10}/,
    fatal: /its process (?:died|exited)/,
    served: /^$/,
  };
  for (const { outcome, words } of findings) expect(words).toMatch(named[outcome]);
});

test("damaged weights harm nobody but their answers", async () => {
  const whole = readFileSync(await testModel("smollm2"));
  const damaged = Buffer.from(whole);
  for (let at = whole.length / 2; at < whole.length; at += 10_007) damaged[Math.floor(at)] = 0x7f;
  const outcomes: string[] = [];
  await tryModels(whole, [damaged], ({ outcome, words }) => outcomes.push(outcome, words));
  expect(outcomes).toEqual(["served", ""]);
});
