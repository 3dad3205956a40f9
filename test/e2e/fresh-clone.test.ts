import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { online } from "./network.ts";
import { poll } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-clone-"));
const clone = join(folder, "millrace");
const nowhere = "http://127.0.0.1:9";

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `npm start` as a user would, pastes the command that it prints into a shell, and presses Ctrl-C. */
async function startAndPaste(env: Record<string, string>): Promise<{ answer: string; output: string }> {
  const npm = spawn("npm", ["start", "--", "--port", "0"], {
    cwd: clone,
    env: { ...process.env, MILLRACE_HOME: join(folder, "home"), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a process group of its own, for Ctrl-C goes to all of it
  });
  let output = "";
  for (const stream of [npm.stdout, npm.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exit = once(npm, "exit");
  try {
    const curl = await poll(() => {
      if (npm.exitCode !== null) throw new Error(`npm start ended:\n${output}`);
      return /^\s+try\s+(curl .*)$/m.exec(output)?.[1];
    });
    return { answer: execFileSync("bash", ["-c", curl], { encoding: "utf8" }), output };
  } finally {
    process.kill(-npm.pid!, "SIGINT");
    await exit;
  }
}

test.skipIf(!online)(
  "npm start in an empty folder serves, and the pasted curl answers; again without a network",
  { timeout: 300_000 },
  async () => {
    execFileSync("git", ["clone", "--quiet", process.cwd(), clone]);
    const first = await startAndPaste({});
    expect(JSON.parse(first.answer).choices[0].message.content).not.toBe("");
    expect(first.output).toMatch(/\d threads? · 8 slots x 2048 tokens/);

    const offline = {
      npm_config_registry: nowhere,
      HF_ENDPOINT: nowhere,
      PIP_INDEX_URL: nowhere,
      https_proxy: nowhere,
    };
    const second = await startAndPaste(offline);
    expect(JSON.parse(second.answer).choices[0].message.content).not.toBe("");
  },
);
