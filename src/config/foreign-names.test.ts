import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { configKeys, fields } from "./fields.ts";
import { foreignKeys, foreignVariables } from "./foreign-names.ts";
import { loadConfig } from "./load-config.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-foreign-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, "config.yaml");
  writeFileSync(path, text);
  return path;
}

test("variables of another server", () => {
  const { config, origins } = loadConfig(
    {},
    {
      MODEL_PATH: "/models/a.gguf",
      MAX_MODEL_LENGTH: "4096",
      MAX_NUM_SEQS: "4",
      LOG_LEVEL: "WARNING",
      OLLAMA_MAX_QUEUE: "64",
      LLAMA_ARG_CACHE_RAM: "256",
      LLAMA_ARG_FIT: "on",
      HF_TOKEN: "hf_x",
      TENSOR_PARALLEL_SIZE: "1",
      RATE_LIMIT: "0",
      GPU_MEMORY_UTILIZATION: "",
    },
  );
  expect(config).toMatchObject({
    model: "/models/a.gguf",
    context: 4096,
    parallel: 4,
    maxQueue: 64,
    cacheMemory: "256MiB",
    fit: true,
    logLevel: "warn",
    hfToken: "hf_x",
  });
  expect(origins.context).toEqual({ layer: "environment", place: "MAX_MODEL_LENGTH" });
});

test("they are weaker than everything that is surely meant for this program", () => {
  const config = file("context: 1000\n");
  const environment = { MAX_MODEL_LENGTH: "4096", LOG_LEVEL: "chatty", MILLRACE_LOG_LEVEL: "warn", MAX_NUM_SEQS: "4" };
  const loaded = loadConfig({ config, parallel: "2" }, environment).config;
  expect(loaded).toMatchObject({ context: 1000, logLevel: "warn", parallel: 2 });
});

test.each([
  [{ RATE_LIMIT: "100/minute" }, /^RATE_LIMIT \(from the environment\) is not supported: .*rates.*accepted: 0, none/],
  [{ GPU_MEMORY_UTILIZATION: "0.9" }, /GPU_MEMORY_UTILIZATION .*GPUs/],
  [{ TENSOR_PARALLEL_SIZE: "2" }, /TENSOR_PARALLEL_SIZE .*accepted: 1/],
  [{ LOG_LEVEL: "chatty" }, /log_level is 'chatty' \(from LOG_LEVEL\)/],
  [{ HF_ENDPOINT: "hub.example" }, /hf_endpoint is 'hub.example' \(from HF_ENDPOINT\); accepted: an http/],
  [{ OLLAMA_MAX_QUEUE: "many" }, /max_queue is 'many' \(from OLLAMA_MAX_QUEUE\)/],
  [{ LLAMA_ARG_CACHE_RAM: "-1" }, /cache_memory is '-1MiB' \(from LLAMA_ARG_CACHE_RAM\); accepted: .*a size/],
  [{ MAX_MODEL_LENGTH: "auto" }, /context is 'auto' \(from MAX_MODEL_LENGTH\)/],
])("refused by name: %j", (environment, says) => {
  expect(() => loadConfig({}, environment)).toThrow(says);
});

const brought = `
model_name: ./a.gguf
embedding_model:
max_token: 256
device: cpu
do_sample: true
skip_special_tokens: true
temperature: 0.7
top_p: 0.9
frequency_penalty: 0.5
stream: false
huggingface_key: hf_abc
`;

test("a file of another server", () => {
  const { config, origins } = loadConfig({ config: file(brought) }, {});
  expect(config).toMatchObject({
    model: "./a.gguf",
    maxTokens: 256,
    device: "cpu",
    temperature: 0.7,
    topP: 0.9,
    frequencyPenalty: 0.5,
    hfToken: "hf_abc",
  });
  expect(origins.maxTokens.place).toMatch(/config\.yaml:4 \(max_token\)$/);
  expect(loadConfig({ config: file("do_sample: false\nhuggingface_key: ''\n") }, {}).config).toMatchObject({
    temperature: 0,
    hfToken: undefined,
  });
});

test.each([
  [
    "embedding_model: all-MiniLM-L6-v2\n",
    /embedding_model \(.*yaml:1\) is not supported: an embedding model is an entry/,
  ],
  ["\nstream: true\n", /stream \(.*yaml:2\) is not supported: each request/],
  ["skip_special_tokens: false\n", /skip_special_tokens /],
  ["stream: 0\n", /stream /],
  ["device: cuda\n", /device is 'cuda' .*GPUs are not used yet/],
  ["do_sample: maybe\n", /temperature is 'maybe' \(from .*yaml:1 \(do_sample\)\)/],
  ["max_token: 0\n", /max_tokens is 0 \(from .*max_token/],
  ["model: a\nmodel_name: b\n", /model is given twice, at .*yaml:1 and .*yaml:2 \(model_name\); keep one/],
  ["temperature: 0.7\ndo_sample: false\n", /temperature is given twice/],
  ["max_tokn: 1\n", /did you mean max_tokens\?/],
])("refused in a file: %j", (text, says) => {
  expect(() => loadConfig({ config: file(text) }, {})).toThrow(says);
});

test("a brought name is never one of ours", () => {
  const own = new Set(configKeys.flatMap((key) => [fields[key].file, fields[key].environment]));
  expect([...Object.keys(foreignKeys), ...Object.keys(foreignVariables)].filter((name) => own.has(name))).toEqual([]);
});
