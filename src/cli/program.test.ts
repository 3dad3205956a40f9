import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { runCommandLine } from "./program.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** In this process: for what ends before an engine opens. */
async function inProcess(...args: string[]) {
  let stdout = "";
  let stderr = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => (stdout += String(text)) !== "");
  vi.spyOn(process.stderr, "write").mockImplementation((text) => (stderr += String(text)) !== "");
  return { status: await runCommandLine(args), stdout, stderr };
}

const fromSources = ["--import", "tsx", resolve("src/main.ts")];
const { NODE_OPTIONS: _, ...env } = process.env;

/** In a process of its own. */
function millrace(args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...fromSources, ...args], {
    encoding: "utf8",
    env,
    input,
  });
  return { status, stdout, stderr };
}

const wrong: [name: string, args: string[], says: RegExp][] = [
  [
    "an unknown option",
    ["serve", "--paralel", "4"],
    /^error: unknown option '--paralel'\n\(Did you mean --parallel\?\)\n$/,
  ],
  ["an unknown command", ["serv"], /^error: unknown command 'serv'\n\(Did you mean serve\?\)\n$/],
  ["an option without its value", ["serve", "--port"], /^error: option '--port <number>' argument missing\n$/],
  ["a value out of range", ["serve", "--port", "70000"], /^error: port is 70000 \(from --port\); accepted: .*65535\n$/],
  ["a file that is not there", ["serve", "--config", "/nowhere.yaml"], /^error: cannot read .*\/nowhere\.yaml.*\n$/],
  ["an argument too much", ["serve", "a", "please"], /^error: too many arguments/],
  ["an open address without a key", ["serve", "--engine", "fake", "--host", "0.0.0.0"], /^error: .*--api-key KEY.*\n$/],
  ["a seed that is no number", ["run", "--seed", "x", "hi"], /^error: .*from 0 to 4294967295\.\n$/],
  ["numbers of no known type", ["quantize", "a.gguf", "q9", "b.gguf"], /^error: 'q9' .*q4_0.*\n$/],
];
test.each(wrong)("%s: one error on stderr, exit code 2", async (_name, args, says) => {
  expect(await inProcess(...args)).toEqual({ status: 2, stdout: "", stderr: expect.stringMatching(says) });
});

test("a misspelt variable stops the program; the stack is shown when asked for", async () => {
  vi.stubEnv("MILLRACE_PROT", "1");
  const { status, stderr } = await inProcess("serve", "--verbose");
  expect(status).toBe(2);
  expect(stderr).toMatch(/^error: .*MILLRACE_PORT\?\n[^]*layers\.ts/);
});

test("config show tells every value and its origin, and no secret", async () => {
  vi.stubEnv("MILLRACE_PARALLEL", "3");
  const args = ["config", "show", "--port", "9000", "--api-key", "top-secret", "--cors-origin", "http://a.example"];
  const { status, stdout } = await inProcess(...args);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^port +9000 +--port$/m);
  expect(stdout).toMatch(/^parallel +3 +MILLRACE_PARALLEL$/m);
  expect(stdout).toMatch(/^api_keys +\*\*\* +--api-key$/m);
  expect(stdout).toMatch(/^temperature +not set +default$/m);
  expect(stdout).not.toContain("top-secret");
  const json = await inProcess(...args, "--json");
  expect(json.stdout).not.toContain("top-secret");
  expect(JSON.parse(json.stdout)).toMatchObject({
    port: { value: 9000, layer: "flag", place: "--port" },
    api_keys: { value: ["***"], layer: "flag" },
    cors_origins: { value: ["http://a.example"] },
    temperature: { value: null, layer: "default" },
  });
});

test("config show tells in what the other models of a list differ from the first", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "millrace-models-")), "millrace.yaml");
  writeFileSync(path, "models:\n  - {name: a, context: 512}\n  - {name: b, context: 512, load: on_demand}\n");
  const { stdout } = await inProcess("config", "show", "--config", path);
  expect(stdout).toMatch(/^name +a +.*:2$/m);
  expect(stdout.match(/^models.*$/gm)?.map((line) => line.replace(/ +/g, " "))).toEqual([
    `models[1].name b ${path}:3`,
    `models[1].load on_demand ${path}:3`,
  ]);
  const { stdout: json } = await inProcess("config", "show", "--config", path, "--json");
  expect(JSON.parse(json)).toMatchObject({ name: { value: "a" }, models: [{ name: "a" }, { load: "on_demand" }] });
});

test("config schema is JSON Schema of the file; a wrong subcommand is wrong usage", async () => {
  const { stdout } = await inProcess("config", "schema");
  expect(JSON.parse(stdout)).toMatchObject({
    additionalProperties: false,
    properties: { port: { type: "integer", maximum: 65_535 }, models: { items: { additionalProperties: false } } },
  });
  expect(await inProcess("config", "shwo")).toMatchObject({ status: 2, stdout: "" });
  expect(await inProcess("config", "show", "--port", "x")).toMatchObject({ status: 2, stdout: "" });
});

test("--version and --help", async () => {
  expect(await inProcess("--version")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  expect(await inProcess("serve", "--help")).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/default: 8000/),
  });
});

test("run answers on stdout alone, from an argument or stdin, the same for a seed", { timeout: 30_000 }, () => {
  const answer = millrace(["run", "--engine", "fake", "--seed", "1", "hello"]);
  expect(answer).toMatchObject({ status: 0, stderr: "" });
  expect(answer.stdout).toMatch(/\S.*\n$/s);
  expect(millrace(["run", "--engine", "fake", "--seed", "1"], "hello\n")).toEqual(answer);
  const nothing = millrace(["run", "--engine", "fake"]);
  expect(nothing).toEqual({ status: 2, stdout: "", stderr: expect.stringMatching(/^error: there is no prompt.*\n$/) });
});

test("a reader that goes away, and Ctrl-C, end an answer", { timeout: 30_000 }, async () => {
  const args = [...fromSources, "run", "--engine", "fake?stepMs=20", "--seed", "1", "--raw", "a long story"];
  const start = () => spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const left = start();
  await once(left.stdout, "data");
  left.stdout.destroy();
  expect(await once(left, "exit")).toEqual([0, null]);
  const interrupted = start();
  await once(interrupted.stdout, "data");
  interrupted.kill("SIGINT");
  expect(await once(interrupted, "exit")).toEqual([130, null]);
});
