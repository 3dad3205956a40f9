import { expect, test } from "vitest";
import type { Served } from "../app.ts";
import { failure } from "../core/errors.ts";
import { defaultPlan } from "../core/execution-plan.ts";
import { banner } from "./banner.ts";
import { failureReport } from "./failure-report.ts";
import { ProgressDisplay } from "./progress.ts";

const loaded = {
  plan: defaultPlan("tiny.gguf", 2),
  less: "",
  info: {
    library: "llama.cpp 0.5.0",
    cpuVariant: "zen4",
    description: "llama 135M Q4_1",
    contextPerSlot: 2048,
    trainedContext: 2048,
    capabilities: { trimInPlace: true, trimAfterRestore: true, window: 0, recurrent: false },
  },
  hasChatTemplate: true,
};
const served: Served = { url: "http://127.0.0.1:8000", models: [{ id: "tiny", loaded }], needsKey: false };

test("the banner has address, model, plan and a command to paste", () => {
  expect(banner(served)).toBe(`
  Millrace  http://127.0.0.1:8000 · open it in a browser to chat
  model     tiny · llama 135M Q4_1
  plan      2 threads · 8 slots x 2048 tokens · one KV cache per slot · llama.cpp 0.5.0 · CPU zen4
  try       curl http://127.0.0.1:8000/v1/chat/completions -H "content-type: application/json" -d '{"model":"tiny","messages":[{"role":"user","content":"Tell me about rivers."}],"max_tokens":64}'

`);
});

test("the banner fits base models, keys, odd names and short contexts", () => {
  const info = { ...loaded.info, contextPerSlot: 512 };
  const models = [{ id: "it's", loaded: { ...loaded, info, hasChatTemplate: false } }];
  const text = banner({ ...served, models, needsKey: true });
  expect(text).toContain("/v1/completions");
  expect(text).toContain("Bearer YOUR_KEY");
  expect(text).toContain(`it'\\''s`);
  expect(text).toMatch(/note .*512 tokens/);
});

test("the banner says what was made smaller to fit", () => {
  const models = [{ id: "tiny", loaded: { ...loaded, less: "3 slots instead of 8" } }];
  expect(banner({ ...served, models })).toMatch(/^ {2}note +to fit into memory: 3 slots instead of 8$/m);
});

test("the banner names all models, and those that are not loaded yet", () => {
  const text = banner({
    ...served,
    models: [
      { id: "later", loaded: undefined },
      { id: "tiny", loaded },
    ],
  });
  expect(text).toMatch(
    /^ {2}model +later · loaded when a request names it\n {2}model +tiny · llama 135M Q4_1\n {2}plan/m,
  );
  expect(text).toContain('"model":"later","messages"');
});

function aDisplay(isTTY: boolean) {
  let output = "";
  let now = 0;
  const display = new ProgressDisplay(
    { isTTY, write: (text: string | Uint8Array) => (output += String(text)) !== "" },
    () => now,
  );
  const update = (received: number) => display.onPull({ source: "hf:a/b", received, total: 1024 * 1024 });
  return { display, update, output: () => output, wait: (ms: number) => (now += ms) };
}

test("a transfer in a pipe is a line for each tenth", () => {
  const { display, update, output } = aDisplay(false);
  for (let received = 0; received <= 1024; received += 16) update(received * 1024);
  display.end();
  expect(output().split("\n")).toHaveLength(1 + 11 + 1);
  expect(output()).toMatch(/^Getting the model from hf:a\/b\n {2}0 % of 1\.0 MiB\n[^]*100 % of 1\.0 MiB\n$/);
});

test("a transfer on a terminal is one line that is redrawn, seldom, and removed", () => {
  const { display, update, output, wait } = aDisplay(true);
  for (let received = 0; received <= 1024; received++) {
    update(received * 1024);
    wait(1);
  }
  display.end();
  expect(output().match(/\r/g)!.length).toBeLessThan(20);
  expect(output()).toMatch(/█ 100 % of 1\.0 MiB, 1000 KiB\/s\r.{4}$/);
});

test("expected failures are one line with the row's exit code; others say that they are a fault of ours", () => {
  expect(failureReport(failure("invalid_config", { problem: "a\nb" }), false)).toEqual({
    text: "error: a b\n",
    exitCode: 2,
  });
  expect(failureReport(failure("port_in_use", { host: "h", port: 1 }), false).exitCode).toBe(3);
  expect(failureReport(new TypeError("x is not a function"), false)).toEqual({
    text: "error: x is not a function (this is a fault of Millrace; --verbose shows where)\n",
    exitCode: 1,
  });
  const hidden = failure("internal", undefined, new Error("the cause"));
  expect(failureReport(hidden, false).text).toMatch(/^error: the cause \(this/);
  expect(failureReport(hidden, true).text).toContain("presentation.test.ts");
});
