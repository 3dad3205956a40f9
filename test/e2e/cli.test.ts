import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { testModel } from "../models.ts";
import { online } from "./network.ts";
import { hasPseudoTerminal, keys, onTerminal } from "./pseudo-terminal.ts";
import { program, startServer } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-cli-"));
const env = { MILLRACE_HOME: join(folder, "home") };
const realModel = "smollm2-135m-instruct";

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The built program without a terminal. */
function millrace(args: readonly string[], input = "", extra: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, ...env, ...extra },
    input,
  });
  return { status, stdout, stderr };
}

describe("chat through pipes", () => {
  const questions = "hello there\n/params\nand again\n";

  test("answers alone on stdout, remarks on stderr, the same for a seed", () => {
    const args = ["chat", "--engine", "fake", "--params", "seed=1 max_tokens=8"];
    const first = millrace(args, questions);
    expect(first).toMatchObject({ status: 0, stderr: "params: seed=1 max_tokens=8\n" });
    expect(first.stdout).toMatch(/^\S.*\n\S.*\n$/);
    expect(millrace(args, questions)).toEqual(first);
    expect(millrace(["chat", "--engine", "fake"], "/nope\nhello\n")).toMatchObject({ status: 2, stdout: "" });
  });

  test("the real model, here and behind the server, and the key that it asks for", async () => {
    const file = await testModel("smollm2");
    const here = millrace(["chat", "--model", file, "--params", "temperature=0 max_tokens=12"], "What is a river?\n");
    expect(here).toMatchObject({ status: 0, stdout: expect.stringMatching(/\w+ \w+/) });

    await using server = await startServer({ args: ["--model", file, "--api-key", "secret", "--parallel", "1"] });
    const args = ["chat", "--url", server.url, "--params", "temperature=0 max_tokens=12"];
    expect(millrace([...args, "--api-key", "secret"], "What is a river?\n")).toEqual(here);
    expect(millrace(args, "hi\n")).toMatchObject({ status: 1, stderr: expect.stringMatching(/HTTP 401/) });
  });

  test("Ctrl-C ends it with 130, a reader that goes away without an error", async () => {
    const args = [program, "chat", "--engine", "fake?stepMs=20"];
    const start = () => {
      const child = spawn(process.execPath, args, {
        env: { ...process.env, ...env },
        stdio: ["pipe", "pipe", "inherit"],
      });
      child.stdin.write("a long story\n");
      return child;
    };
    const interrupted = start();
    await once(interrupted.stdout, "data");
    interrupted.kill("SIGINT");
    expect(await once(interrupted, "exit")).toEqual([130, null]);
    const left = start();
    await once(left.stdout, "data");
    left.stdout.destroy();
    expect(await once(left, "exit")).toEqual([0, null]);
  });
});

describe.skipIf(!hasPseudoTerminal)("chat on a terminal", () => {
  const chat = (engine: string, extra: Readonly<Record<string, string>> = {}) =>
    onTerminal(["chat", "--engine", engine, "--params", "max_tokens=500"], { ...env, ...extra });

  test("lines are edited, Ctrl-C stops the answer, what was typed meanwhile is kept", async () => {
    const script = JSON.stringify({ "a long story": "The mill stands by the river and grinds. ".repeat(20) });
    await using terminal = chat(`fake?${String(new URLSearchParams({ stepMs: "20", script }))}`);
    await terminal.see(/Talking to fake.*>>> /s);
    terminal.type(`a long storx${keys.backspace}y${keys.enter}`);
    await terminal.see(/\w+ \w+ \w+ \w+ \w+/);
    terminal.type("/par");
    terminal.type(keys.ctrlC);
    await terminal.see(/stopped · \d+ tokens · [\d.]+ tokens\/s · first after [\d.]+ s.*>>> /s);
    terminal.type(`ams${keys.enter}`);
    await terminal.see(/params: max_tokens=500.*>>> /s);
    terminal.type(`${keys.up}${keys.up}`);
    await terminal.see(/a long story/);
    terminal.type(keys.ctrlC);
    await terminal.see(/>>> /);
    terminal.type(keys.ctrlC);
    await terminal.see(/Ctrl-C again to leave.*>>> /s);
    terminal.type(keys.ctrlC);
    expect(await terminal.exitCode()).toBe(0);
  });

  test("history comes back the next time; pasted lines are taken one by one; Ctrl-D leaves", async () => {
    await using terminal = chat("fake");
    await terminal.see(/>>> /);
    terminal.type(keys.up);
    await terminal.see(/\/params/);
    terminal.type(keys.ctrlC);
    terminal.type(`/system one${keys.enter}/system two${keys.enter}`);
    await terminal.see(/system: one.*system: two.*>>> /s);
    terminal.type("/sy");
    terminal.type(keys.tab);
    await terminal.see(/\/system/);
    terminal.type(keys.ctrlC);
    terminal.type(keys.ctrlD);
    expect(await terminal.exitCode()).toBe(0);
  });

  test("colour, and none with NO_COLOR", async () => {
    await using colourful = chat("fake", { NO_COLOR: "", TERM: "xterm" });
    expect(await colourful.see(/Talking to[^]*?\n/)).toContain("\x1b[2m");
    await using plain = chat("fake", { NO_COLOR: "1", TERM: "xterm" });
    expect(await plain.see(/Talking to[^]*?\n/)).not.toContain("\x1b[2m");
  });
});

describe("models", () => {
  test("a name that is misspelt gives a suggestion and exit code 2, everywhere", () => {
    for (const args of [
      ["models", "pull"],
      ["models", "show"],
      ["run", "hi", "--model"],
      ["chat", "--model"],
    ]) {
      const { status, stderr } = millrace([...args, "smollm2-135m-instrct"]);
      expect(status).toBe(2);
      expect(stderr).toContain("did you mean smollm2-135m-instruct?");
    }
  });

  test("list, show, suggest: for people, and as JSON", () => {
    expect(millrace(["models", "list"]).stdout).toMatch(/^NAME .*\nsmollm2-135m-instruct .*Apache-2.0\n/);
    expect(JSON.parse(millrace(["models", "list", "--json"]).stdout)).toMatchObject({ stored: [] });
    expect(millrace(["models", "show", realModel]).stdout).toMatch(/^licence +Apache-2.0$/m);
    const { suggestions } = JSON.parse(millrace(["models", "suggest", "--json"]).stdout) as { suggestions: object[] };
    expect(suggestions[0]).toMatchObject({ why: expect.stringMatching(/\d/) });
    expect(millrace(["models", "suggest"]).stdout).toMatch(/^This machine has .* of memory/);
  });

  test.skipIf(!online)(
    "a model in use is not removed; then it is, and its name is gone",
    { timeout: 300_000 },
    async () => {
      const home = { MILLRACE_HOME: join(folder, "store") };
      const pulled = millrace(["models", "pull", realModel, "--quiet"], "", home);
      expect(pulled).toMatchObject({ status: 0, stderr: "" });
      expect(existsSync(pulled.stdout.trim())).toBe(true);
      {
        await using server = await startServer({ args: ["--model", realModel, "--parallel", "1"], env: home });
        expect(millrace(["models", "rm", realModel], "", home)).toMatchObject({
          status: 1,
          stderr: expect.stringContaining(`in use by process ${server.process.pid}`),
        });
        expect(millrace(["models", "gc"], "", home).stdout).toMatch(/^0 removed/);
        expect(millrace(["models", "list"], "", home).stdout).toMatch(/in use/);
      }
      expect(millrace(["models", "rm", realModel], "", home)).toMatchObject({ status: 0, stderr: "" });
      expect(existsSync(pulled.stdout.trim())).toBe(false);
      expect(millrace(["models", "rm", realModel], "", home)).toMatchObject({ status: 2 });
    },
  );
});

describe("doctor", () => {
  test("a machine that can serve: exit code 0, each finding a line; as JSON", () => {
    const { status, stdout } = millrace(["doctor", "--port", "0"]);
    expect(stdout).toMatch(/^ok +library +llama\.cpp \S+, CPU variant \w+/m);
    expect(status).toBe(0);
    expect(JSON.parse(millrace(["doctor", "--port", "0", "--json"]).stdout)).toMatchObject({
      canServe: true,
      facts: { cpu: { lease: { why: expect.any(String) } } },
    });
  });

  test("what prevents serving is named with what to do: exit code 1", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const child = spawn(process.execPath, [program, "doctor", "--port", `${port}`, "--model", "/etc/hostname"], {
      env: { ...process.env, ...env },
    });
    let report = "";
    child.stdout.on("data", (chunk: Buffer) => (report += chunk.toString()));
    expect(await once(child, "close")).toEqual([1, null]);
    taken.close();
    expect(report).toMatch(/^problem +port .*another program listens there\n +-> choose another with --port$/m);
    expect(report).toMatch(/^problem +model .*not a GGUF file/m);
  });
});

describe("quantize", () => {
  test("shows progress, the sizes before and after; leaves nothing when it fails or is stopped", async () => {
    const source = await testModel("smollm2");
    const output = join(folder, "q8.gguf");
    const done = millrace(["quantize", source, "q8_0", output]);
    expect(done).toMatchObject({ status: 0, stderr: expect.stringMatching(/^Writing .*\n( +\d+ % of 1\d\d MiB\n)+$/) });
    expect(done.stdout).toMatch(/93\.8 MiB -> 138 MiB \(147 %\) in [\d.]+ s\n$/);
    expect(readFileSync(output).subarray(0, 4).toString()).toBe("GGUF");
    expect(millrace(["quantize", source, "q8_0", output])).toMatchObject({ status: 2 });

    const stopped = join(folder, "stopped.gguf");
    const child = spawn(process.execPath, [program, "quantize", source, "q4_k_m", stopped], { stdio: "pipe" });
    await once(child.stderr, "data");
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
    expect(readdirSync(folder).filter((name) => name.startsWith("stopped"))).toEqual([]);
  });
});
