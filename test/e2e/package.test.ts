import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { online } from "./network.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-package-"));
/** As a user's shell has it: npm tells its children which project it runs in. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle|command|execpath)|npm_config_local_prefix|INIT_CWD)/.test(name),
  ),
);
const install = ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}
let packed: Packed;

function run(program: string, args: readonly string[], cwd = folder): string {
  return execFileSync(program, args, { cwd, env: { ...env, MILLRACE_HOME: join(folder, "home") }, encoding: "utf8" });
}

beforeAll(() => {
  [packed] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder], process.cwd())) as [Packed];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the package has the built program and its page; no model, no source, no map", () => {
  const paths = packed.files.map(({ path }) => path);
  for (const path of ["dist/main.js", "dist/page/index.html", "dist/licences.txt", "LICENSE", "README.md"])
    expect(paths).toContain(path);
  const known = /^(dist\/[\w./-]+\.(js|html|css|svg)|dist\/licences\.txt|LICENSE|package\.json|[A-Z]+\.md)$/;
  expect(paths.filter((path) => !known.test(path) || /\.test\.|testing|\/\./.test(path))).toEqual([]);
  expect(packed.size).toBeLessThan(1024 * 1024);
});

test.skipIf(!online)("npx runs it from an empty folder, with nothing of this checkout", { timeout: 300_000 }, () => {
  const project = join(folder, "project");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), "{}");
  run("npm", [...install, join(folder, packed.filename)], project);
  const ask = ["--no-install", "millrace", "run", "hello", "--engine", "fake", "--seed", "1"];
  expect(run("npx", ask, project)).toMatch(/\w+ \w+.*\n$/);
  expect(run("npx", ["--no-install", "millrace", "doctor", "--port", "0"], project)).toContain(
    "Millrace can serve here",
  );

  const program = join(project, "node_modules", "millrace");
  const foreign = readdirSync(join(program, "dist"), { recursive: true, encoding: "utf8" }).filter((path) => {
    const text = path.endsWith(".js") ? readFileSync(join(program, "dist", path), "utf8") : "";
    return text.includes("sourceMappingURL") || text.includes(process.cwd());
  });
  expect(foreign).toEqual([]);
});

test.skipIf(!online)("a global install puts the command where the shell finds it", { timeout: 300_000 }, () => {
  const prefix = join(folder, "global");
  run("npm", [...install, "--global", "--prefix", prefix, join(folder, packed.filename)]);
  const command = process.platform === "win32" ? join(prefix, "millrace.cmd") : join(prefix, "bin", "millrace");
  expect(run(command, ["--version"])).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(run(command, ["run", "hello", "--engine", "fake", "--seed", "1"])).toMatch(/\w+ \w+.*\n$/);
});
