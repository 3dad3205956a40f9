import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { defaultPlan } from "../../src/core/execution-plan.ts";
import { openLlamaEngine } from "../../src/engine/llama/llama-engine.ts";
import { silenceNativeLog } from "../../src/engine/llama/native-log.ts";
import { wholeModel } from "../../src/model/damage/testing.ts";
import { buildGguf, type GgufValue } from "../../src/model/testing.ts";

const home = mkdtempSync(join(tmpdir(), "millrace-home-"));
beforeAll(() => {
  vi.stubEnv("MILLRACE_HOME", home);
  silenceNativeLog();
});
afterAll(() => rmSync(home, { recursive: true }));

test("a mark that is read in answers is text in them, also where the file has it as a control token", () => {
  const file = join(home, "thinks.gguf");
  const metadata = wholeModel.metadata.map(([key, value]): readonly [string, GgufValue] => {
    // Its first control token is this mark, and it has no BOS.
    if ("texts" in value) return [key, { texts: value.texts.map((text) => (text === "<s>" ? "</think>" : text)) }];
    return [key, key === "tokenizer.ggml.bos_token_id" ? { u32: 2 } : value];
  });
  writeFileSync(file, buildGguf({ ...wholeModel, metadata }));
  using engine = openLlamaEngine({ ...defaultPlan(file, 1), slots: 1, contextPerSlot: 64 }, () => {});
  const { vocabulary } = engine;
  expect([...vocabulary.tokenize("</think>", { parseSpecial: true, addSpecial: false })]).toEqual([1]);
  expect(Buffer.from(vocabulary.piece(1)).toString()).toBe("</think>");
  expect(vocabulary.piece(2)).toHaveLength(0);
  expect(vocabulary.controlTokens).toContain(2);
  expect(vocabulary.controlTokens).not.toContain(1);
});
