import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { testModel } from "../models.ts";
import { launchBrowser } from "./browser.ts";
import { program } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
const env = { ...process.env, MILLRACE_HOME: join(folder, "home") };
const costs = "fake?prefillUsPerToken=10&decodeUsPerSequence=50";

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bench(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "bench", ...args], {
    cwd: folder,
    encoding: "utf8",
    env,
  });
  return { status, stdout, stderr };
}

/** A figure with its interval. */
const summary = { median: expect.any(Number), low: expect.any(Number), high: expect.any(Number) };

describe("bench engine", () => {
  const few = ["--batch-sizes", "4,1", "--num-prompts", "5", "--prompt-tokens", "20", "--output-tokens", "6"];

  test("a row for each batch size; the same as JSON and as a page", () => {
    const files = ["--output", "engine.json", "--html", "engine.html"];
    const { status, stdout, stderr } = bench("engine", "--engine", costs, ...few, "--repeat", "2", ...files);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining("round 2 of 2, batch size 1\n") });
    expect(stdout).toMatch(/^BATCH SIZE +PREFILL TOK\/S .*\n1 +\d+ \[.*  10\n4 +\d+ \[.*  4\n$/);
    expect(JSON.parse(readFileSync(join(folder, "engine.json"), "utf8"))).toMatchObject({
      facts: { model: "fake", library: "fake", node: process.version },
      options: { batchSizes: [4, 1], promptTokens: 20 },
      results: [
        { batchSize: 1, bursts: 10, prefill: summary, decode: summary },
        { batchSize: 4, bursts: 4, timeToFirstToken: summary, timePerOutputToken: summary },
      ],
    });
    expect(readFileSync(join(folder, "engine.html"), "utf8")).toContain("<h1>The engine alone</h1>");
  });

  test("the real model", async () => {
    const model = await testModel("smollm2");
    const args = ["--model", model, ...few, "--repeat", "1", "--json", "--quiet"];
    const { status, stdout, stderr } = bench("engine", ...args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { facts, results } = JSON.parse(stdout) as { facts: object; results: { decode: { median: number } }[] };
    expect(facts).toMatchObject({ library: expect.stringContaining("llama.cpp"), description: expect.any(String) });
    expect(results.map(({ decode }) => decode.median > 0)).toEqual([true, true]);
  });

  test("what cannot be done is said before anything is measured", () => {
    expect(bench("engine", "--engine", "fake", "--batch-sizes", "1,0")).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/whole number from 1 to 256/),
    });
    expect(bench("engine", "--engine", "fake", "--html", "nowhere/page.html")).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^error: .*nowhere\/page\.html/),
    });
    expect(bench("engine", "--engine", "fake", "--prompt-tokens", "40000")).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/40064 tokens; this model has room for 32768/),
    });
  });
});

describe("bench experiments", () => {
  const short = ["--length", "64", "--repeat", "2"];

  test("both ways compute the same; the page shows curves and nothing from elsewhere", async () => {
    const files = ["--output", "experiments.json", "--html", "experiments.html"];
    const { status, stdout } = bench("experiments", "--engine", costs, "--threads", "1", ...short, ...files);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^KV CACHE +TOKEN 64 MS .*\nreused .*\nrecomputed .*\nratio /);
    expect(stdout).toContain("Both ways chose the same next token at 17 of 17 lengths.");
    expect(stdout).toMatch(/\n\nTHREADS .*\n1 .*\n$/);
    const { kvReuse, threadSweep } = JSON.parse(readFileSync(join(folder, "experiments.json"), "utf8")) as {
      kvReuse: Record<"reused" | "recomputed", { perToken: object[]; exponents: object }>;
      threadSweep: object[];
    };
    expect(kvReuse.reused.perToken).toHaveLength(64);
    expect(kvReuse.recomputed.exponents).toEqual({ perToken: expect.any(Number), cumulative: expect.any(Number) });
    expect(threadSweep).toEqual([{ threads: 1, prefill: summary, decode: summary }]);

    await using browser = await launchBrowser();
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("request", (request) => complaints.push(...(request.isNavigationRequest() ? [] : [request.url()])));
    await page.goto(pathToFileURL(join(folder, "experiments.html")).href);
    expect(await page.getByRole("img").count()).toBe(4);
    expect(await page.getByRole("img", { name: "Cost of one token" }).locator("circle").count()).toBe(17);
    expect(complaints).toEqual([]);
  });

  test("the real model", async () => {
    const model = await testModel("smollm2");
    const { status, stdout } = bench("experiments", "--model", model, ...short, "--repeat", "1", "--json", "--quiet");
    expect(status).toBe(0);
    const { kvReuse, threadSweep } = JSON.parse(stdout) as {
      kvReuse: { agreement: { lengths: number; same: number } };
      threadSweep: { threads: number }[];
    };
    // A near-tie may flip: sums are taken in another order.
    expect(kvReuse.agreement.lengths).toBe(17);
    expect(kvReuse.agreement.same).toBeGreaterThanOrEqual(14);
    expect(threadSweep[0]).toMatchObject({ threads: 1, prefill: summary });
  });

  test("Ctrl-C ends it with 130 and leaves no file", async () => {
    for (const command of ["experiments", "engine"]) {
      const args = [
        program,
        "bench",
        command,
        "--engine",
        "fake?stepMs=5",
        "--repeat",
        "100",
        "--html",
        "stopped.html",
      ];
      const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
      await once(child.stderr, "data");
      child.kill("SIGINT");
      expect(await once(child, "exit")).toEqual([130, null]);
    }
    expect(existsSync(join(folder, "stopped.html"))).toBe(false);
  });
});
