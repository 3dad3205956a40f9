import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { poll, program, startServer, type TestServer } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
let server: TestServer;

beforeAll(async () => {
  server = await startServer({ args: ["--engine", "fake?stepMs=5", "--parallel", "4"] });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function bench(...args: readonly string[]) {
  const child = spawn(process.execPath, [program, "bench", ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { stdout, stderr, status: status as number };
}

const atServer = (...args: readonly string[]) => bench("--url", server.url, ...args);
const read = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Record<string, unknown>;

test("measures exactly what was asked for: table, JSON, page", async () => {
  const files = ["--output", "result.json", "--html", "page.html"];
  const asked = [
    "--workload",
    "shared-prefix",
    "--prompt-tokens",
    "40",
    "--shared-tokens",
    "30",
    "--output-tokens",
    "8",
  ];
  const load = ["--concurrency", "4", "--requests", "20", "--warmup", "4", "--seed", "7"];
  const { status, stdout, stderr } = await atServer(...asked, ...load, ...files);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(
    /^shared-prefix: prompts of 40 tokens, 30 of them shared, answers of 8 tokens; 4 clients; seed 7/,
  );
  expect(stdout).toMatch(/20 answered, 0 failed/);
  const result = read("result.json");
  expect(result).toMatchObject({
    completed: 20,
    failed: 0,
    total_input_tokens: 800,
    total_output_tokens: 160,
    max_concurrency: 4,
    request_rate: "inf",
    model_id: "fake",
    input_lens: Array.from({ length: 20 }, () => 40),
  });
  // A step takes at least 5 ms, so no answer can be faster; on a busy machine several tokens may be read at once.
  expect(result["mean_ttft_ms"]).toBeGreaterThanOrEqual(4.9);
  for (const seconds of result["e2els"] as number[]) expect(seconds).toBeGreaterThanOrEqual(8 * 0.0049);
  expect(result["peak_memory_bytes"]).toBeGreaterThan(2 ** 24);
  const page = readFileSync(join(folder, "page.html"), "utf8");
  expect(page.match(/<svg/g)).toHaveLength(4);
  expect(page).not.toMatch(/<script|src=|href=/);
});

test("an open loop, and a chat whose turns follow each other", async () => {
  const arrivals = ["--rate", "50", "--arrival", "gamma", "--burstiness", "0.5"];
  const { status, stdout } = await atServer(...arrivals, "--requests", "20", "--output-tokens", "4", "--json");
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ completed: 20, request_rate: 50, burstiness: 0.5 });
  const chat = await atServer(
    "--workload",
    "chat",
    "--turns",
    "3",
    "--requests",
    "9",
    "--output-tokens",
    "4",
    "--json",
  );
  expect(JSON.parse(chat.stdout)).toMatchObject({ completed: 9, failed: 0, total_output_tokens: 36 });
});

test("prompts from a file", async () => {
  writeFileSync(
    join(folder, "prompts.jsonl"),
    '{"prompt": "a river"}\n{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}\n',
  );
  const asked = ["--prompts", "prompts.jsonl", "--requests", "4", "--concurrency", "1", "--warmup", "0"];
  const { stdout } = await atServer(...asked, "--output-tokens", "5", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ completed: 4, output_lens: [5, 3, 5, 3] });
});

test("two servers in turns", async () => {
  await using other = await startServer({ args: ["--engine", "fake?stepMs=15", "--parallel", "4"] });
  const few = ["--rounds", "2", "--requests", "4", "--warmup", "0", "--output-tokens", "8"];
  const { status, stdout } = await atServer(
    "--against",
    other.url,
    ...few,
    "--html",
    "two.html",
    "--output",
    "two.json",
  );
  expect(status).toBe(0);
  expect(stdout).toMatch(/median \[interval\].*ratio/);
  const { comparison, servers } = read("two.json") as {
    comparison: { metric: string; ratio?: { median: number } }[];
    servers: { completed: number }[];
  };
  expect(comparison.find(({ metric }) => metric === "p50_tpot_ms")!.ratio!.median).toBeLessThan(1);
  expect(servers.map(({ completed }) => completed)).toEqual([8, 8]);
});

describe("fails", () => {
  const few = ["--requests", "4", "--warmup", "0", "--output-tokens", "4"];

  test("by what was asked for, with 1", async () => {
    const { status, stdout, stderr } = await atServer(...few, "--fail-if", "mean_ttft>1", "--fail-if", "failed>0");
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^failed: mean_ttft>1: mean_ttft_ms is [\d.]+\n$/),
    });
    expect(stdout).toMatch(/4 answered/);
  });

  test.each([
    [["--fail-if", "p95_tft>1"], /did you mean 'p95_ttft'/],
    [["--slo", "soon"], /--slo: 'soon' is no limit/],
    [["--rate", "3", "--concurrency", "2"], /cannot be used with/],
    [["--burstiness", "2"], /give --rate/],
    [["--url", "nowhere"], /'nowhere' is no URL/],
    [["--prompts", "none.jsonl"], /none\.jsonl/],
    [["--output", "no/folder.json"], /cannot write/],
  ])("at wrong usage, with 2: %j", async (args, problem) => {
    const { status, stderr } = await atServer(...few, ...args);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(problem) });
  });

  test("where no server is, or none of its answers is right, with 1", async () => {
    const { status, stderr } = await bench("--url", "http://127.0.0.1:9", ...few);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/127\.0\.0\.1:9.*failed/) });
    const refused = await atServer(...few, "--model", "another");
    expect(refused.status).toBe(1);
    expect(refused.stdout).toMatch(/4 x HTTP 404 model_not_found/);
  });
});

test("Ctrl-C: what was measured until then, and 130", async () => {
  const args = [
    "--url",
    server.url,
    "--duration",
    "600",
    "--warmup",
    "0",
    "--output-tokens",
    "8",
    "--output",
    "cut.json",
  ];
  const child = spawn(process.execPath, [program, "bench", ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = text(child.stdout);
  const answered = () => server.output().split('"completionTokens":8').length;
  const before = answered();
  await poll(() => (answered() > before + 8 ? true : undefined));
  child.kill("SIGINT");
  expect(await once(child, "exit")).toEqual([130, null]);
  expect(await output).toMatch(/\d+ answered, 0 failed/);
  expect(read("cut.json")["completed"]).toBeGreaterThan(0);
});
