import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { promptFile } from "./prompt-file.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-prompts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(text: string): string {
  const path = join(folder, "prompts.jsonl");
  writeFileSync(path, text);
  return path;
}

test("reads texts, token ids and messages, and begins again at the end", () => {
  const workload = promptFile(
    fileOf(
      '{"prompt": "a river"}\n\n{"prompt": [1, 2], "max_tokens": 5}\r\n{"messages": [{"role": "user", "content": "hi"}]}\n',
    ),
    9,
  );
  expect([0, 1, 2].map((index) => workload(index).turns)).toEqual([
    [{ content: { kind: "text", text: "a river" }, maxTokens: 9 }],
    [{ content: { kind: "tokens", ids: [1, 2] }, maxTokens: 5 }],
    [{ content: { kind: "messages", messages: [{ role: "user", content: "hi" }] }, maxTokens: 9 }],
  ]);
  expect(workload(3)).toBe(workload(0));
  expect(workload(-1)).toBe(workload(2));
});

test.each([
  ["", /no requests/],
  ["\n{oops\n", /prompts\.jsonl:2: .*JSON/],
  ['{"prompt": ""}', /prompts\.jsonl:1: accepted: an object with "prompt"/],
  ['{"prompt": "x", "max_token": 3}', /:1: accepted/],
  ['{"messages": []}', /:1: accepted/],
])("refuses %j", (text, problem) => {
  expect(() => promptFile(fileOf(text), 9)).toThrow(problem);
});

test("says which file is missing", () => {
  expect(() => promptFile(join(folder, "none"), 9)).toThrow(/--prompts: ENOENT.*none/);
});
