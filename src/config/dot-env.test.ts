import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parseDotEnv } from "./dot-env.ts";
import { loadConfig } from "./load-config.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-env-"));
afterAll(() => rmSync(folder, { recursive: true }));

function withDotEnv(text: string): string {
  writeFileSync(join(folder, ".env"), text);
  return folder;
}

const parsed = (text: string) => parseDotEnv(".env", text).map(({ name, text, place }) => [name, text, place]);

test("variables, quotes, comments and line breaks, with their lines", () => {
  const text = [
    "# comment",
    "A=1 # said why",
    "export B = two words ",
    'C="a\\nb" # as one',
    "D='first",
    "second'",
    "E=`it's #1`",
    "F=",
    "G=a#b",
    "not a variable",
    "H='open",
  ].join("\r\n");
  expect(parsed(text)).toEqual([
    ["A", "1", ".env:2"],
    ["B", "two words", ".env:3"],
    ["C", "a\nb", ".env:4"],
    ["D", "first\nsecond", ".env:5"],
    ["E", "it's #1", ".env:7"],
    ["F", "", ".env:8"],
    ["G", "a#b", ".env:9"],
    ["H", "'open", ".env:11"],
  ]);
});

test("a file of one endless quote or of blank lines is read at once", () => {
  const begin = performance.now();
  parsed(`A="${"\n".repeat(90_000)}`);
  parsed(`${" ".repeat(90_000)}\n${"\n".repeat(9000)}`);
  parsed('A="\n"\n'.repeat(15_000));
  expect(performance.now() - begin).toBeLessThan(2000);
});

test("file < .env < environment; other programs' variables are none of ours", () => {
  const config = join(folder, "millrace.yaml");
  writeFileSync(config, "port: 1\nparallel: 1\ncontext: 1000\n");
  const at = withDotEnv(`PORT=77\nMILLRACE_CONFIG=${config}\n\nMILLRACE_PORT=2\nMILLRACE_PARALLEL=2\n`);
  const { config: loaded, origins } = loadConfig({}, { MILLRACE_PORT: "3", MILLRACE_PARALLEL: "" }, at);
  expect(loaded).toMatchObject({ port: 3, parallel: 2, context: 1000 });
  expect(origins).toMatchObject({
    port: { layer: "environment", place: "MILLRACE_PORT" },
    parallel: { layer: ".env", place: `${join(at, ".env")}:5` },
    context: { layer: "file", place: `${config}:3` },
  });
});

test.each([
  ["PORT=1\nMILLRACE_PROT=1\n", /MILLRACE_PROT at .*\.env:2; did you mean MILLRACE_PORT\?/],
  ["\nMILLRACE_PORT 1\n", /\.env:2: write it as NAME=value/],
  ["MILLRACE_PORT='1\n", /\.env:1: the quote ' is not closed/],
  ["A=1\n\nMILLRACE_PORT=x\n", /port is 'x' \(from .*\.env:3\)/],
  ["A='\n\n'\nRATE_LIMIT=100\n", /RATE_LIMIT \(.*\.env:4\) is not supported/],
])("refused: %j", (text, says) => {
  expect(() => loadConfig({}, {}, withDotEnv(text))).toThrow(says);
});

test("a folder without one, and a folder in its place", () => {
  expect(loadConfig({}, {}, join(folder, "none")).config.port).toBe(8000);
  const odd = mkdtempSync(join(folder, "odd-"));
  writeFileSync(join(odd, "file"), "");
  expect(() => loadConfig({ config: odd }, {})).toThrow(/it is a folder/);
});
